import EventLoop
import ExecutionModel
import SecretBytes

/// One connection to one store: the seam between the agent and its adapters.
///
/// To add a provider: a folder in `providers/`, a line in the registry, a fake, an example (docs/providers-howto.md).
public protocol SecretProvider: Sendable {
  /// What documents may say of this type.
  static var descriptor: ProviderDescriptor { get }

  /// - Throws: what validation by the descriptor alone cannot see, as an address that does not parse.
  init(connection: ProviderConnection, services: ProviderServices) throws(DocumentFault)

  /// Whether the node policy lets the connection's calls reach the addresses that follow from its fields and from the node's own
  /// settings; sends nothing. Addresses that a login only learns on its way are held against the policy then.
  func checkAddresses() throws(ProviderFailure)

  /// Logs in, unless a login is held already, and fetches nothing.
  func logIn() async throws(ProviderFailure) -> LoginReport

  /// Fetches whole values, one result a reference in the same order: one call, many references, since the adapter knows its
  /// service's batch. Never throws as a whole: each reference has its own result.
  func fetch(_ references: [Reference]) async -> [FetchResult]

  /// Ends the connection. Tokens and leases that the agent made are revoked, but where `reason` says that the workload goes
  /// on using them.
  func close(_ reason: CloseReason) async

  /// How `reference` reads in messages and plans, as `secret/web/db`.
  static func describe(_ reference: Reference) -> String
}

extension SecretProvider {
  /// For types whose addresses all stand in the document, where they are checked already.
  public func checkAddresses() throws(ProviderFailure) {}
}

public enum CloseReason: Sendable {
  /// Nobody uses the values any more.
  case ended
  /// The values were handed over and the agent leaves: leases stay, and with them the tokens that they hang on.
  case handedOver
}

/// What a login gave, for `check --auth`; no credential.
public struct LoginReport: Sendable {
  /// Who the store takes the agent for, as `approle web`.
  public let identity: String
  /// How long the login holds; `nil`: without end, or unknown.
  public let lifetime: Duration?

  public init(identity: String, lifetime: Duration?) {
    self.identity = identity
    self.lifetime = lifetime
  }
}

public typealias FetchResult = Result<FetchedSecret, ProviderFailure>

/// A whole value as its store gave it, before `field` and `encoding`.
public struct FetchedSecret: Sendable {
  public let payload: SecretBytes
  /// The store's own name of the version, as `3` or a version id.
  public let version: String?
  /// When the value itself ends (leases, STS credentials).
  public let expiry: Moment?
  public let fetchedAt: Moment

  public init(payload: SecretBytes, version: String? = nil, expiry: Moment? = nil, fetchedAt: Moment) {
    self.payload = payload
    self.version = version
    self.expiry = expiry
    self.fetchedAt = fetchedAt
  }
}
