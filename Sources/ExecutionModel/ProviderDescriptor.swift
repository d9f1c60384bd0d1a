/// What a provider type accepts, as data. Validation, `config/execution.schema.json`, `secrets-agent providers` and
/// docs/providers.md are all made from this one place.
public struct ProviderDescriptor: Sendable {
  /// When a secret of this type is fetched again if its entry does not say.
  public enum RefreshDefault: Sendable, Equatable {
    case every(seconds: Int64)
    /// The source itself tells when it changes.
    case watched
    /// At half of what remains of the value's own life.
    case halfOfRemainingLife
  }

  /// The `type` written in documents, as `hashicorp_vault`.
  public let type: String
  /// Other spellings of the type.
  public let aliases: [String]
  /// One sentence for `secrets-agent providers`.
  public let summary: String
  /// Fields of the provider itself (address, TLS), without `type` and `auth`.
  public let connection: [FieldDescriptor]
  public let connectionRules: [FieldRule]
  /// `nil` where the type takes no `auth` block.
  public let authentication: AuthenticationDescriptor?
  /// Fields of an entry that say what to fetch, without the common `from`, `field`, `encoding` and `refresh`.
  public let lookup: [FieldDescriptor]
  public let lookupRules: [FieldRule]
  /// Whether an entry's `field` must be given.
  public let fieldIsRequired: Bool
  public let refreshDefault: RefreshDefault
  /// Suffixes of the variables that one entry yields; empty where it yields just its own name.
  public let outputs: [String]
  /// How many references one call can fetch.
  public let batchSize: Int
  /// Lookup fields that, when present, pin a value that never changes, so that it is not refreshed. A field of the kind
  /// ``FieldDescriptor/Kind/version`` does so only where it is a number.
  public let pinningFields: [String]

  public init(
    type: String, aliases: [String] = [], summary: String,
    connection: [FieldDescriptor] = [], connectionRules: [FieldRule] = [],
    authentication: AuthenticationDescriptor? = nil,
    lookup: [FieldDescriptor], lookupRules: [FieldRule] = [], fieldIsRequired: Bool = false,
    refreshDefault: RefreshDefault = .every(seconds: 3600), outputs: [String] = [], batchSize: Int = 1,
    pinningFields: [String] = []
  ) {
    self.type = type
    self.aliases = aliases
    self.summary = summary
    self.connection = connection
    self.connectionRules = connectionRules
    self.authentication = authentication
    self.lookup = lookup
    self.lookupRules = lookupRules
    self.fieldIsRequired = fieldIsRequired
    self.refreshDefault = refreshDefault
    self.outputs = outputs
    self.batchSize = batchSize
    self.pinningFields = pinningFields
  }

  /// Whether an entry with the fields `lookup` names a value that never changes.
  public func pins(_ lookup: FieldValues) -> Bool {
    pinningFields.contains { name in
      guard let value = lookup[name] else {
        return false
      }
      guard movingFields.contains(name), case .text(let text) = value else {
        return true
      }
      return text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
  }

  /// Pinning fields whose names may move on.
  var movingFields: [String] {
    lookup.filter { $0.kind == .version && pinningFields.contains($0.name) }.map(\.name)
  }

  /// The fields that every entry may carry, whatever its provider; without `field` where one entry yields several values by itself.
  public var commonEntryFields: [FieldDescriptor] {
    let all = [
      FieldDescriptor("from", .text, required: true, "name of an entry of `secret_providers`"),
      FieldDescriptor(
        "field", .text, required: fieldIsRequired,
        "key of the JSON object that is the value; `a.b` or `/a/b/0` descends"),
      FieldDescriptor("encoding", .choice(["raw", "base64"]), defaultsTo: "raw", "applied last, to the bytes"),
      FieldDescriptor(
        "refresh", .duration, "`30m`, `1h30m` or nanoseconds; 0 or absent: the provider's default"),
    ]
    return outputs.isEmpty ? all : all.filter { $0.name != "field" }
  }
}

/// The `auth` block of a provider type.
public struct AuthenticationDescriptor: Sendable {
  /// Whether the block must be there.
  public let isRequired: Bool
  public let methods: [AuthenticationMethod]
  /// Fields that every method accepts, as `mount_path`.
  public let commonFields: [FieldDescriptor]
  /// The method that holds where the block has no field to tell another by. `nil`: `method` must be written.
  public let defaultMethod: String?

  public init(
    isRequired: Bool, methods: [AuthenticationMethod], commonFields: [FieldDescriptor] = [],
    defaultMethod: String? = nil
  ) {
    self.isRequired = isRequired
    self.methods = methods
    self.commonFields = commonFields
    self.defaultMethod = defaultMethod
  }

  /// The method of a block without `method` that has the fields `given`: of those that take them all, the first that has all that
  /// it requires, else the first. Names that no method knows tell nothing. `nil` where no method takes them all.
  func method(inferredFrom given: Set<String>) -> AuthenticationMethod? {
    let telling = given.filter { name in methods.contains { $0.fields.contains { $0.name == name } } }
    guard !telling.isEmpty else {
      return methods.first { $0.name == defaultMethod }
    }
    let taking = methods.filter { method in telling.allSatisfy { name in method.fields.contains { $0.name == name } } }
    return taking.first { $0.hasRequired(of: telling) } ?? taking.first
  }
}

/// One `auth.method`: its name, fields and rules.
public struct AuthenticationMethod: Sendable {
  public let name: String
  public let summary: String
  public let fields: [FieldDescriptor]
  public let rules: [FieldRule]

  public init(_ name: String, _ summary: String, fields: [FieldDescriptor], rules: [FieldRule] = []) {
    self.name = name
    self.summary = summary
    self.fields = fields
    self.rules = rules
  }

  /// Whether `given` has every required field, and one of each set that a rule wants exactly one of.
  func hasRequired(of given: Set<String>) -> Bool {
    fields.allSatisfy { !$0.isRequired || given.contains($0.name) }
      && rules.allSatisfy { rule in
        guard case .exactlyOne(let names) = rule else {
          return true
        }
        return names.contains { given.contains($0) }
      }
  }
}
