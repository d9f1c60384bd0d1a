import HTTPTransport
import ProviderFakes
import TestSupport

/// An Azure with one vault, an application that may read it, and a machine that may as well.
struct AzureDouble: StoreDouble {
  static let tenant = AzureFake.tenant
  static let tokenMarks = ["fake."]

  private static let metadataPath = "/metadata/identity/oauth2/token"

  private let fake: AzureFake
  private let time: ManualTime

  static func start(_ setting: StoreSetting) async throws -> AzureDouble {
    let fake = try await AzureFake.start()
    fake.setClock(unixTime: setting.time.unixTime)
    fake.addClient("web", secret: "swordfish-client")
    fake.assignSystemIdentity("node")
    for number in setting.numbers {
      fake.put("value-\(number)", setting.value(number))
    }
    return AzureDouble(fake: fake, time: setting.time)
  }

  func stop() async { await fake.stop() }

  var address: String { fake.address }
  var variables: [String: String] {
    [
      "AZURE_AUTHORITY_HOST": address, "AZURE_POD_IDENTITY_AUTHORITY_HOST": address, "WEB_SECRET": "swordfish-client",
    ]
  }

  /// The vault is asked without a token first, for its challenge.
  static func part(of request: HTTPRequest) -> CallPart {
    if request.url.path.hasSuffix("/oauth2/v2.0/token") || request.url.path == metadataPath {
      return .login
    }
    return request.header("Authorization") == nil ? .step : .value
  }

  static func asksMachine(_ request: HTTPRequest) -> Bool { request.url.path == metadataPath }

  static func refusal(of request: HTTPRequest) -> HTTPResponse? {
    part(of: request) == .value ? .json(401, #"{"error":{"code":"Unauthorized","message":"AKV10046"}}"#) : nil
  }

  func passed(_ span: Duration) { fake.setClock(unixTime: time.unixTime) }
  func revokeLogins() { fake.revokeAllTokens() }
  func spoilCredentials() { fake.addClient("web", secret: "swordfish-other") }
}
