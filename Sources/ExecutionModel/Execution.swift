import SecretBytes
import Text

/// One placement of a job on this node, with its two blocks decoded and validated.
public struct Execution: Sendable, Equatable {
  /// `nil` for a bare job spec.
  public let id: String?
  public let jobID: String?
  public let namespace: String?
  public let nodeID: String?
  public let name: String?
  public let states: ExecutionStates
  /// Whether the document carries the job's specification; without it the execution is known by its id and states only.
  public let hasJobSpec: Bool
  /// In the document's order.
  public let providers: [ProviderConnection]
  /// In the document's order.
  public let secrets: [SecretEntry]

  /// Which of the node's credential rules are for it.
  public let grant: CredentialGrant

  /// What to call it in messages: its id, else its job's name.
  public var label: String { id ?? name ?? "job spec" }

  /// The same with no entry but the one that yields the variable or file `name`; `nil` where none does.
  public func yielding(_ name: String) -> Execution? {
    guard let entry = secrets.first(where: { $0.outputs.contains { $0.name == name } }) else {
      return nil
    }
    return Execution(
      id: id, jobID: jobID, namespace: namespace, nodeID: nodeID, name: self.name, states: states,
      hasJobSpec: hasJobSpec, providers: providers, secrets: [entry], grant: grant)
  }

  /// Whether the same is fetched and delivered for it under the same names as for `other`; their states may differ.
  public func asksTheSame(as other: Execution) -> Bool {
    id == other.id && jobID == other.jobID && namespace == other.namespace && name == other.name
      && providers == other.providers && secrets == other.secrets
  }
}

/// A named entry of `secret_providers`: type, connection fields, authentication.
public struct ProviderConnection: Sendable, Equatable {
  /// What makes two connections one: everything but the name, and what the node's rules grant. Logins and fetches are shared by it.
  /// Hashed once, when it is made.
  public final class Key: Sendable, Hashable {
    public let type: String
    public let values: ConnectionValues
    public let grant: CredentialGrant
    /// What the type's adapter reads of the values.
    public let settings: any Sendable
    private let hash: Int

    /// - Throws: what only the adapter's own types can tell of the values.
    public init(
      _ descriptor: ProviderDescriptor, _ values: ConnectionValues, grant: CredentialGrant = .none
    ) throws(FieldFault) {
      type = descriptor.type
      self.values = values
      self.grant = grant
      settings = try descriptor.makeSettings(values)
      var hasher = Hasher()
      hasher.combine(type)
      hasher.combine(values)
      hasher.combine(grant)
      hash = hasher.finalize()
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(hash) }

    public static func == (one: Key, other: Key) -> Bool {
      one === other
        || (one.hash == other.hash && one.type == other.type && one.values == other.values
          && one.grant == other.grant)
    }
  }

  public let name: String
  public let key: Key
  public let descriptor: ProviderDescriptor

  public var type: String { key.type }
  /// As written, for plans and policies.
  public var values: ConnectionValues { key.values }

  /// Where it leads, in a few words: its address, else what every connection of its type has to name, as a region; empty where there is
  /// neither.
  public var place: String {
    let shown = Dictionary(values.fields.shown.map { ($0.name, $0.value) }) { first, _ in first }
    let fields = descriptor.connection
    let addresses = fields.filter { $0.kind == .address || $0.kind == .origin }
    return (addresses + fields.filter(\.isRequired)).lazy.compactMap { shown[$0.name] }.first ?? ""
  }

  public init(name: String, key: Key, descriptor: ProviderDescriptor) {
    self.name = name
    self.key = key
    self.descriptor = descriptor
  }

  public static func == (one: ProviderConnection, other: ProviderConnection) -> Bool {
    one.name == other.name && one.key == other.key
  }
}

/// A named row of `secrets`.
public struct SecretEntry: Sendable, Equatable {
  public enum Encoding: String, Sendable {
    case raw
    case base64
  }

  /// One variable or file that the entry yields.
  public struct Output: Sendable, Equatable {
    public let name: String
    /// The member of the fetched object that is its value; `nil`: the whole value.
    public let field: String?
    /// Whether it is of the version before; there is no such output where there is no such version.
    public let isPrevious: Bool

    public init(name: String, field: String?, isPrevious: Bool = false) {
      self.name = name
      self.field = field
      self.isPrevious = isPrevious
    }
  }

  public let name: String
  /// Name of the provider.
  public let from: String
  public let reference: Reference
  public let encoding: Encoding
  /// `nil`: the provider's default. Never below the node's shortest.
  public let refresh: GoDuration?
  /// At least one.
  public let outputs: [Output]
}
