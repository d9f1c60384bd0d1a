import SecretBytes

/// One placement of a job on this node, with its two blocks decoded and validated.
public struct Execution: Sendable {
  /// What the orchestrator wants of it.
  public enum DesiredState: String, Sendable {
    case pending
    case running
    case stopped
  }

  /// `nil` for a bare job spec.
  public let id: String?
  public let jobID: String?
  public let namespace: String?
  public let nodeID: String?
  public let name: String?
  public let desiredState: DesiredState
  /// In the document's order.
  public let providers: [ProviderConnection]
  /// In the document's order.
  public let secrets: [SecretEntry]

  /// What to call it in messages: its id, else its job's name.
  public var label: String { id ?? name ?? "job spec" }
}

/// A named entry of `secret_providers`: type, connection fields, authentication.
public struct ProviderConnection: Sendable {
  /// What makes two connections one: everything but the name. Logins and fetches are shared by it.
  public struct Key: Sendable, Hashable {
    public let type: String
    public let fields: FieldValues
    public let method: String?
    public let authentication: FieldValues
  }

  public let name: String
  public let key: Key
  public let descriptor: ProviderDescriptor

  public var type: String { key.type }
  public var fields: FieldValues { key.fields }
  /// `auth.method`, as written or inferred; `nil` where the type takes no `auth` block.
  public var method: String? { key.method }
  public var authentication: FieldValues { key.authentication }

  /// The path of one of its fields in the document, for faults.
  public func path(_ field: String) -> String { "secret_providers.\(name).\(field)" }

  public init(name: String, key: Key, descriptor: ProviderDescriptor) {
    self.name = name
    self.key = key
    self.descriptor = descriptor
  }
}

/// A named row of `secrets`.
public struct SecretEntry: Sendable {
  public enum Encoding: String, Sendable {
    case raw
    case base64
  }

  public let name: String
  /// Name of the provider.
  public let from: String
  public let lookup: FieldValues
  public let field: String?
  public let encoding: Encoding
  /// `nil`: the provider's default.
  public let refresh: RefreshInterval?
  /// The names of the variables or files that it yields.
  public let outputs: [String]
}

/// What identifies one remote value: the connection, and the lookup without `field`, `encoding` and `refresh`.
public struct Reference: Sendable, Hashable {
  public let connection: ProviderConnection.Key
  public let lookup: FieldValues

  public init(connection: ProviderConnection.Key, lookup: FieldValues) {
    self.connection = connection
    self.lookup = lookup
  }
}
