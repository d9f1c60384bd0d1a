/// What an adapter reads of an entry of `secrets`. Two entries with equal lookups over one connection are one value.
public protocol SecretLookup: Sendable, Hashable, CustomStringConvertible {
  /// The path of the store's API that is read, which the node policy may refuse; `nil` for types whose API serves secrets only.
  var apiPath: String? { get }
  /// Whether its own words name one version for good, whatever the fields say.
  var namesOneVersion: Bool { get }
  /// The file of the node that is read, which the node policy must allow, and which may be watched.
  var servedFile: String? { get }
  /// Why no version before this one can be had, and the way out; `nil` where it can (``PreviousVersion``).
  var previousObstacle: String? { get }
}

extension SecretLookup {
  public var apiPath: String? { nil }
  public var namesOneVersion: Bool { false }
  public var servedFile: String? { nil }
  public var previousObstacle: String? { "this type keeps no version before; leave it out" }

  fileprivate func isEqual(to other: any SecretLookup) -> Bool { other as? Self == self }
}

/// What identifies one remote value, or a pair with the version before: the connection, and the lookup without `field`, `encoding` and
/// `refresh`. Hashed once, when it is made.
public final class Reference: Sendable, Hashable, CustomStringConvertible {
  public let connection: ProviderConnection.Key
  public let lookup: any SecretLookup
  /// Whether the value never changes.
  public let isPinned: Bool
  /// Whether the version before is fetched along.
  public let wantsPrevious: Bool
  private let hash: Int

  public init(
    connection: ProviderConnection.Key, lookup: some SecretLookup, isPinned: Bool, wantsPrevious: Bool = false
  ) {
    self.connection = connection
    self.lookup = lookup
    self.isPinned = isPinned
    self.wantsPrevious = wantsPrevious
    var hasher = Hasher()
    hasher.combine(connection)
    hasher.combine(lookup)
    hasher.combine(wantsPrevious)
    hash = hasher.finalize()
  }

  /// How it reads in messages and plans, as `secret/data/web/db`.
  public var description: String { lookup.description }

  public func hash(into hasher: inout Hasher) { hasher.combine(hash) }

  public static func == (one: Reference, other: Reference) -> Bool {
    one === other
      || (one.hash == other.hash && one.wantsPrevious == other.wantsPrevious && one.connection == other.connection
        && one.lookup.isEqual(to: other.lookup))
  }
}
