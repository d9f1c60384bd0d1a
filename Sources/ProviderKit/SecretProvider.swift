import EventLoop
import ExecutionModel
import SecretBytes

/// One connection to one store: the seam between the agent and its adapters.
///
/// To add a provider: a folder in `providers/`, a line in the registry, a fake, an example (docs/providers-howto.md).
public protocol SecretProvider: Sendable {
  /// What the adapter reads of an entry of `secret_providers`.
  associatedtype Connection: Sendable
  /// What the adapter reads of an entry of `secrets`.
  associatedtype Lookup: SecretLookup

  /// What documents may say of this type.
  static var declaration: ProviderDeclaration<Connection, Lookup> { get }

  /// Sends nothing.
  init(_ settings: Connection, over connection: OpenConnection)

  /// Whether the node policy lets the connection's calls reach the addresses that follow from its fields and from the node's own
  /// settings; sends nothing. Addresses that a login only learns on its way are held against the policy then.
  func checkAddresses() throws(ProviderFailure)

  /// Logs in, unless a login is held already, and fetches nothing.
  func logIn() async throws(ProviderFailure) -> LoginReport

  /// Fetches whole values, one result a lookup in the same order: one call, many lookups, since the adapter knows its
  /// service's batch. Never throws as a whole: each lookup has its own result.
  func fetch(_ lookups: [Lookup]) async -> [FetchResult]

  /// Ends the connection. Tokens and leases that the agent made are revoked, but where `reason` says that the workload goes
  /// on using them.
  func close(_ reason: CloseReason) async
}

extension SecretProvider {
  public static var descriptor: ProviderDescriptor { declaration.descriptor }

  /// For types whose addresses all stand in the document, where they are checked already.
  public func checkAddresses() throws(ProviderFailure) {}

  /// For types whose logins end by themselves.
  public func close(_ reason: CloseReason) async {}

  /// The provider of a connection of this type; `nil` where it is of another.
  public static func open(_ key: ProviderConnection.Key, over connection: OpenConnection) -> (any SecretProvider)? {
    (key.settings as? Connection).map { Self($0, over: connection) }
  }

  /// The same as ``fetch(_:)-([Lookup])`` where the types of lookups are not known.
  public func fetch(references: [Reference]) async -> [FetchResult] {
    let lookups = references.compactMap { $0.lookup as? Lookup }
    guard lookups.count == references.count else {
      return references.map { reference in
        .failure(ProviderFailure(.malformed, connection: reference.connection.type, "a lookup of another type"))
      }
    }
    return await fetch(lookups)
  }
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

  /// - Parameter left: what remains of the login's life; told to the second, rounded up, so that a token of an hour reads as one.
  public init(identity: String, left: Duration) {
    let (seconds, rest) = left.components
    self.init(identity: identity, lifetime: .seconds(max(seconds + (rest > 0 ? 1 : 0), 0)))
  }
}

public typealias FetchResult = Result<FetchedSecret, ProviderFailure>

extension FetchResult {
  public var failure: ProviderFailure? {
    if case .failure(let failure) = self { failure } else { nil }
  }
}

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
