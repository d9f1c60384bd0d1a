import EventLoop
import ExecutionModel
import ProviderKit
import Resolution
import SecretBytes
import Synchronization

/// A store whose answers a test holds in its hand; connections name it by their field `store`.
public final class ScriptedStore: Sendable {
  public typealias Answer = Result<String, ProviderFailure>

  private struct State {
    var answers: [String: Answer] = [:]
    var expiries: [String: Duration] = [:]
    var before: [String: String] = [:]
    var fetches: [[String]] = []
    var closed: [CloseReason] = []
    var hangs = false
    var hanging: Set<String> = []
    var leased: Set<String> = []
    var whenHandedOver: (@Sendable () -> Void)?
  }

  private static let all = Mutex<[String: ScriptedStore]>([:])
  private let state = Mutex(State())
  public let name: String

  public init(_ name: String) {
    self.name = name
    Self.all.withLock { $0[name] = self }
  }

  static func named(_ name: String) -> ScriptedStore? { all.withLock { $0[name] } }

  public func put(_ key: String, _ value: String, expiringIn life: Duration? = nil) {
    state.withLock { state in
      state.answers[key] = .success(value)
      state.expiries[key] = life
    }
  }

  public func fail(_ key: String, _ kind: ProviderFailure.Class, retryAfter: Duration? = nil) {
    let failure = ProviderFailure(
      kind, connection: "p", reference: key, retryAfter: retryAfter, from: .service, "scripted \(kind.rawValue)")
    fail(key, failure)
  }

  public func fail(_ key: String, _ failure: ProviderFailure) {
    state.withLock { $0.answers[key] = .failure(failure) }
  }

  /// Keys asked for, one list a batch.
  public var fetches: [[String]] { state.withLock { $0.fetches } }
  public var closed: [CloseReason] { state.withLock { $0.closed } }

  /// Keys whose fetches come to nothing for as long as they are here.
  public var hanging: Set<String> {
    get { state.withLock { $0.hanging } }
    set { state.withLock { $0.hanging = newValue } }
  }

  /// Whether fetches come to nothing for as long as it is set.
  public var hangs: Bool {
    get { state.withLock { $0.hangs } }
    set { state.withLock { $0.hangs = newValue } }
  }

  func fetch(_ keys: [String], at now: Moment) -> [FetchResult] {
    state.withLock { state in
      state.fetches.append(keys.sorted())
      return keys.map { key in
        switch state.answers[key] {
        case .success(let value)?:
          .success(
            FetchedSecret(
              payload: SecretBytes(value), version: "v-\(value.count)",
              expiry: state.expiries[key].map { now.advanced(by: $0) }, fetchedAt: now))
        case .failure(let failure)?: .failure(failure)
        case nil: .failure(ProviderFailure(.missing, connection: "p", "no such key"))
        }
      }
    }
  }

  /// Keys whose values are handed over to the next process, in the clear.
  public var leased: Set<String> {
    get { state.withLock { $0.leased } }
    set { state.withLock { $0.leased = newValue } }
  }

  /// Called when somebody asks for what is handed over.
  public var whenHandedOver: (@Sendable () -> Void)? {
    get { state.withLock { $0.whenHandedOver } }
    set { state.withLock { $0.whenHandedOver = newValue } }
  }

  /// The value of `key` before the present one, and its version's name.
  public func putBefore(_ key: String, _ value: String?) {
    state.withLock { $0.before[key] = value }
  }

  func before(_ key: String) -> FetchedSecret.Previous {
    state.withLock { state in
      state.before[key].map { .value(SecretBytes($0), version: "before-\($0.count)") } ?? .absent("scripted")
    }
  }

  func close(_ reason: CloseReason) {
    state.withLock { $0.closed.append(reason) }
  }
}

/// The adapter of a ``ScriptedStore``.
public struct ScriptedProvider: SecretProvider {
  public struct Lookup: SecretLookup {
    let key: String
    /// Part of what is asked for, so that a pinned value and a moving one are two.
    let version: String?

    public var previousObstacle: String? { nil }

    public var description: String { key }
  }

  private static let store = Field<String>("store", .text, required: true, "the store's name")
  private static let key = Field<String>("key", .text, required: true, "what to fetch")
  private static let version = Field<String>("version", .version(.number), "pins")

  /// A call takes as much as is due, so that a store sees the scheduler's batches.
  public static let declaration = declared("scripted", batchSize: 1000)

  fileprivate static func declared(_ type: String, batchSize: Int) -> ProviderDeclaration<String, Lookup> {
    ProviderDeclaration(
      type: type, summary: "for tests",
      connection: [store.descriptor],
      makeConnection: { values throws(FieldFault) in try values.fields.required(store) },
      lookup: [key.descriptor, version.descriptor, PreviousVersion.field.descriptor], pinningFields: ["version"],
      makeLookup: { values, _ throws(FieldFault) in
        Lookup(key: try values.required(key), version: values[version])
      }, batchSize: batchSize)
  }

  private let store: ScriptedStore?
  private let time: any TimeSource

  public init(_ settings: String, over connection: OpenConnection) {
    store = ScriptedStore.named(settings)
    time = connection.services.time
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport { LoginReport(identity: "test", lifetime: nil) }

  public func fetch(_ lookups: [Lookup]) async -> [FetchResult] {
    while let store, store.hangs || !store.hanging.isDisjoint(with: lookups.map(\.key)), !Task.isCancelled {
      await Task.yield()
    }
    return store?.fetch(lookups.map(\.key), at: time.now) ?? []
  }

  public func pair(_ secret: FetchedSecret, of lookup: Lookup) async throws(ProviderFailure) -> FetchedSecret {
    secret.with(store?.before(lookup.key) ?? .absent("no store"))
  }

  public func handover(_ lookups: [Lookup]) async -> SecretBytes? {
    store?.whenHandedOver?()
    let keys = lookups.map(\.key).filter { store?.leased.contains($0) == true }.sorted()
    return keys.isEmpty ? nil : SecretBytes("leases of " + keys.joined(separator: " "))
  }

  public func close(_ reason: CloseReason) async { store?.close(reason) }
}

/// The same where each key is a call of its own.
public struct SingleCallsProvider: SecretProvider {
  public static let declaration = ScriptedProvider.declared("scripted_calls", batchSize: 1)

  private let provider: ScriptedProvider

  public init(_ settings: String, over connection: OpenConnection) {
    provider = ScriptedProvider(settings, over: connection)
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport { try await provider.logIn() }

  public func fetch(_ lookups: [ScriptedProvider.Lookup]) async -> [FetchResult] { await provider.fetch(lookups) }
}
