import HTTPTransport
import ProviderFakes
import TestSupport

/// A Vault with one AppRole and a KV engine.
struct VaultDouble: StoreDouble {
  static let tokenMarks = ["hvs.fake-"]

  private let fake: VaultFake
  private let folder: ScratchFolder

  static func start(_ setting: StoreSetting) async throws -> VaultDouble {
    let fake = try await VaultFake.start()
    fake.addAppRole(
      roleID: "web", secretID: "swordfish-secret-id", grant: VaultFakeGrant(ttl: setting.loginsEnd ? 3600 : 0))
    try setting.folder.write("swordfish-secret-id", as: "secret-id")
    for number in setting.numbers {
      fake.put("secret", "value-\(number)", setting.value(number))
    }
    return VaultDouble(fake: fake, folder: setting.folder)
  }

  func stop() async { await fake.stop() }

  var address: String { fake.address }

  static func part(of request: HTTPRequest) -> CallPart {
    switch request.line {
    case "POST /v1/auth/approle/login": .login
    case "POST /v1/auth/token/renew-self": .renewal
    case "POST /v1/auth/token/revoke-self": .revocation
    case "GET /v1/auth/token/lookup-self": .step
    default: .value
    }
  }

  static func refusal(of request: HTTPRequest) -> HTTPResponse? {
    part(of: request) == .login ? nil : .json(403, #"{"errors":["permission denied"]}"#)
  }

  func passed(_ span: Duration) { fake.advance(seconds: Double(span.components.seconds)) }
  func revokeLogins() { fake.revokeAllTokens() }
  func spoilCredentials() throws { try folder.write("swordfish-other", as: "secret-id") }
  var openLogins: Int { fake.liveTokens.count }
}
