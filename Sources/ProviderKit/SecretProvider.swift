import EventLoop
import ExecutionModel
import Masking
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

  /// The pair of a value that ``fetch(_:)-([Lookup])`` gave and the version before it. Asked for where the lookup has no
  /// ``SecretLookup/previousObstacle``.
  ///
  /// - Returns: a pair that stood so in the store at one time: `secret`, or what took its place meanwhile, with the version before.
  func pair(_ secret: FetchedSecret, of lookup: Lookup) async throws(ProviderFailure) -> FetchedSecret

  /// Ends the connection. Tokens and leases that the agent made are revoked, but where `reason` says that the workload goes
  /// on using them.
  func close(_ reason: CloseReason) async

  /// What a later process of the agent needs to go on with what the store made for `lookups`, as leases and the token that they hang on:
  /// in the adapter's own form, of the same bytes as long as it means the same. It holds credentials. `nil`: nothing.
  func handover(_ lookups: [Lookup]) async -> SecretBytes?

  /// Takes up what an earlier process had of ``handover(_:)`` for a connection of the same words. Sends nothing, and believes nothing: the
  /// store is asked when it is used.
  func takeOver(_ handover: SecretBytes) async
}

extension SecretProvider {
  public static var descriptor: ProviderDescriptor { declaration.descriptor }

  /// For types whose addresses all stand in the document, where they are checked already.
  public func checkAddresses() throws(ProviderFailure) {}

  /// For types whose logins end by themselves.
  public func close(_ reason: CloseReason) async {}

  /// For types whose stores make nothing but logins.
  public func handover(_ lookups: [Lookup]) async -> SecretBytes? { nil }
  public func takeOver(_ handover: SecretBytes) async {}

  /// The same as ``handover(_:)`` where the types of lookups are not known.
  public func handover(references: [Reference]) async -> SecretBytes? {
    await handover(references.compactMap { $0.lookup as? Lookup })
  }

  /// For types whose stores keep no versions, whose entries cannot ask for it.
  public func pair(_ secret: FetchedSecret, of lookup: Lookup) async throws(ProviderFailure) -> FetchedSecret {
    secret.with(.absent("the store keeps no versions"))
  }

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
    let results = await fetch(lookups)
    guard references.contains(where: \.wantsPrevious) else {
      return results
    }
    return await inOrder(Array(zip(lookups, references).enumerated()), atMost: Self.pairsAtOnce) { place, asked in
      guard asked.1.wantsPrevious, case .success(let secret) = results[place] else {
        return results[place]
      }
      do throws(ProviderFailure) {
        return .success(try await pair(secret, of: asked.0))
      } catch {
        return .failure(error)
      }
    }
  }

  /// Versions before are read one by one, whatever the service's batch.
  private static var pairsAtOnce: Int { 16 }
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
  /// The version before; `nil` where it was not asked for.
  public let previous: Previous?
  /// Keeps what is delivered of it among the values in use; `nil`: nobody hides those.
  public let mark: LiveMark?

  /// A secret's version before the one that was read.
  public enum Previous: Sendable, Equatable {
    case value(SecretBytes, version: String?)
    /// There is none to be had, and why.
    case absent(String)
  }

  /// From here on it is known to those who hide the values in use (``ValueWatch``).
  ///
  /// - Parameter mark: what keeps it so, where it is not fetched but held for longer.
  public init(
    payload: SecretBytes, version: String? = nil, expiry: Moment? = nil, fetchedAt: Moment, previous: Previous? = nil,
    mark: LiveMark? = nil
  ) {
    self.payload = payload
    self.version = version
    self.expiry = expiry
    self.fetchedAt = fetchedAt
    self.previous = previous
    self.mark = mark ?? ValueWatch.current?.mark(payload, previous)
  }

  public func with(_ previous: Previous) -> FetchedSecret {
    FetchedSecret(payload: payload, version: version, expiry: expiry, fetchedAt: fetchedAt, previous: previous)
  }

  /// The same with another age.
  public func aged(expiry: Moment?, fetchedAt: Moment) -> FetchedSecret {
    FetchedSecret(
      payload: payload, version: version, expiry: expiry, fetchedAt: fetchedAt, previous: previous, mark: mark)
  }

  /// With what a read of the version before gave. One that its store has no more (deleted, destroyed, disabled, never there) is absent,
  /// lest a rotation whose old version is cleared away at once keep the new one from being delivered; everything else is a failure.
  public func with(_ read: FetchResult) throws(ProviderFailure) -> FetchedSecret {
    switch read {
    case .success(let secret): return with(.value(secret.payload, version: secret.version))
    case .failure(let failure) where failure.kind == .missing && failure.source == .service:
      return with(.absent(failure.message))
    case .failure(let failure): throw failure
    }
  }

  /// The bytes of the version before, none where there is none.
  public var previousPayload: SecretBytes {
    if case .value(let bytes, _)? = previous { bytes } else { SecretBytes() }
  }

  /// Whether the same is delivered of it as of `other`.
  public func holdsTheSame(as other: FetchedSecret) -> Bool {
    payload == other.payload && previousPayload == other.previousPayload
      && (previousPayload.isEmpty ? isPreviousThere == other.isPreviousThere : true)
  }

  private var isPreviousThere: Bool {
    if case .value? = previous { true } else { false }
  }

  /// Bytes of all that is held.
  public var weight: Int { payload.count + previousPayload.count }
}
