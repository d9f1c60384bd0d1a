import HTTPTransport
import ProviderFakes
import SecretBytes
import TestSupport

/// What stands in for a provider type's store, with the credentials that its connection logs in with.
protocol StoreDouble: Sendable {
  /// What every login that it gives out begins with: no message may repeat that.
  static var tokenMarks: [String] { get }

  /// Starts it with the values of `setting`, and with the credentials that the type's document names.
  static func start(_ setting: StoreSetting) async throws -> Self
  func stop() async

  /// Where it listens.
  var address: String { get }
  /// The agent's variables.
  var variables: [String: String] { get }

  /// Which part of a fetch `request` is.
  static func part(of request: HTTPRequest) -> CallPart
  /// Whether `request` is for what serves the identity of the machine.
  static func asksMachine(_ request: HTTPRequest) -> Bool
  /// What the store says to `request` where its login is no longer good; `nil` where that does not matter to it.
  static func refusal(of request: HTTPRequest) -> HTTPResponse?

  /// The clock was moved on.
  func passed(_ span: Duration)
  /// No login made so far is good any more.
  func revokeLogins()
  /// The credentials that the document names are not good any more.
  func spoilCredentials() throws
  /// Calls for many values are not allowed.
  func refuseBatches()
  /// How many logins are good now.
  var openLogins: Int { get }
}

extension StoreDouble {
  var variables: [String: String] { [:] }

  static func asksMachine(_ request: HTTPRequest) -> Bool { false }

  func refuseBatches() {}
  /// For stores that do not tell.
  var openLogins: Int { 0 }
}

/// What a double starts with.
struct StoreSetting: Sendable {
  let time: ManualTime
  let folder: ScratchFolder
  /// Which values there are.
  let numbers: Range<Int>
  let value: @Sendable (Int) -> String
  /// Whether logins end by time, an hour after they were made.
  let loginsEnd: Bool
}

/// What a request is for.
enum CallPart: Sendable {
  /// Gives a login.
  case login
  /// Lengthens one.
  case renewal
  /// Ends one.
  case revocation
  /// Goes along with a login, as a challenge.
  case step
  /// Reads one value.
  case value
  /// Reads many.
  case batch

  var readsValues: Bool { self == .value || self == .batch }
}

extension HTTPRequest {
  /// `GET /v1/secret/data/web`.
  var line: String { "\(method.rawValue) \(url.path)" }

  var bodyText: String { body?.unsafeString() ?? "" }

  func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value.unsafeString()
  }
}

extension HTTPResponse {
  static func json(_ status: Int, _ body: String) -> HTTPResponse {
    HTTPResponse(status: status, headers: HTTPFields([("Content-Type", "application/json")]), body: SecretBytes(body))
  }

  static func xml(_ status: Int, _ body: String) -> HTTPResponse {
    HTTPResponse(status: status, headers: HTTPFields([("Content-Type", "text/xml")]), body: SecretBytes(body))
  }
}
