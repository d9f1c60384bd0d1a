import HTTPTransport
import ProviderFakes
import TestSupport

/// A Google Cloud with a person who consented, and a machine that has an account.
struct GCPDouble: StoreDouble {
  static let tokenMarks = ["ya29.fake-"]

  private static let metadataPath = "/computeMetadata/v1/"

  private let fake: GCPFake
  private let time: ManualTime

  static func start(_ setting: StoreSetting) async throws -> GCPDouble {
    let fake = try await GCPFake.start()
    fake.setClock(unixTime: setting.time.unixTime)
    let file = fake.addUser(
      "a@example.com", refreshToken: "swordfish-refresh", clientSecret: "swordfish-client")
    try setting.folder.write(file, as: "user.json")
    fake.assignMachineAccount("node@demo-project.iam.gserviceaccount.com")
    for number in setting.numbers {
      fake.put("value-\(number)", setting.value(number))
    }
    return GCPDouble(fake: fake, time: setting.time)
  }

  func stop() async { await fake.stop() }

  var address: String { fake.address }
  var variables: [String: String] { ["GCE_METADATA_HOST": fake.metadataHost] }

  static func part(of request: HTTPRequest) -> CallPart {
    let path = request.url.path
    if path == "/token" || (path.hasPrefix(metadataPath) && path.hasSuffix("/token")) {
      return .login
    }
    return asksMachine(request) ? .step : .value
  }

  static func asksMachine(_ request: HTTPRequest) -> Bool {
    request.url.path.hasPrefix(metadataPath) || request.url.path == "/"
  }

  static func refusal(of request: HTTPRequest) -> HTTPResponse? {
    part(of: request) == .value
      ? .json(401, #"{"error":{"code":401,"message":"invalid credentials","status":"UNAUTHENTICATED"}}"#) : nil
  }

  func passed(_ span: Duration) { fake.setClock(unixTime: time.unixTime) }
  func revokeLogins() { fake.revokeAllTokens() }

  func spoilCredentials() {
    fake.addUser("a@example.com", refreshToken: "swordfish-refresh", clientSecret: "swordfish-other")
  }
}
