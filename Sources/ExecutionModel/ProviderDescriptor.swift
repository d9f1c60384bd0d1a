/// What a provider type accepts, as data. Validation, `config/execution.schema.json`, `secrets-agent providers` and
/// docs/providers.md are all made from this one place. One object for each type, which every connection of the type points to.
public final class ProviderDescriptor: Sendable {
  /// When a secret of this type is fetched again if its entry does not say.
  public enum RefreshDefault: Sendable, Equatable {
    case every(seconds: Int64)
    /// The source itself tells when it changes.
    case watched
    /// At half of what remains of the value's own life.
    case halfOfRemainingLife
  }

  /// One of several values that an entry yields.
  public struct Output: Sendable, Equatable {
    /// Behind the entry's name and `_`, as `ACCESS_KEY_ID`.
    public let suffix: String
    /// The member of the fetched object that is the value.
    public let field: String

    public init(_ suffix: String, field: String) {
      self.suffix = suffix
      self.field = field
    }
  }

  /// The backend's type, as `hashicorp_vault`: what documents write under `provider`.
  public let type: String
  /// Other spellings of the type.
  public let aliases: [String]
  /// One sentence for `secrets-agent providers`.
  public let summary: String
  /// Fields of the provider itself (address, TLS), without `provider` and `auth`.
  public let connection: [FieldDescriptor]
  public let connectionRules: [FieldRule]
  /// Values of connection fields that follow from the execution where the document leaves them out.
  public let connectionDefaults: [String: @Sendable (ExecutionNames) -> String]
  /// `nil` where the type takes no `auth` block.
  public let authentication: AuthenticationDescriptor?
  /// Fields of an entry that say what to fetch, without the common `from`, `field`, `encoding` and `refresh`.
  public let lookup: [FieldDescriptor]
  public let lookupRules: [FieldRule]
  /// Whether an entry's `field` must be given.
  public let fieldIsRequired: Bool
  public let refreshDefault: RefreshDefault
  /// What one entry without `field` yields; empty where it yields just its own name.
  public let outputs: [Output]
  /// The names that `field` may have; empty: the value decides.
  public let fieldNames: [String]
  /// How many references one call can fetch.
  public let batchSize: Int
  /// Lookup fields that, when present, pin a value that never changes, so that it is not refreshed. A field of the kind
  /// ``FieldDescriptor/Kind/version(_:)`` does so only where it names one version for good.
  public let pinningFields: [String]
  let makeSettings: @Sendable (ConnectionValues) throws(FieldFault) -> any Sendable
  let makeLookup: @Sendable (FieldValues, any Sendable) throws(FieldFault) -> any SecretLookup

  /// ``ProviderDeclaration`` makes it.
  init(
    type: String, aliases: [String] = [], summary: String,
    connection: [FieldDescriptor] = [], connectionRules: [FieldRule] = [],
    connectionDefaults: [String: @Sendable (ExecutionNames) -> String] = [:],
    authentication: AuthenticationDescriptor? = nil,
    lookup: [FieldDescriptor], lookupRules: [FieldRule] = [],
    fieldIsRequired: Bool = false, refreshDefault: RefreshDefault = .every(seconds: 3600), outputs: [Output] = [],
    fieldNames: [String] = [], batchSize: Int = 1, pinningFields: [String] = [],
    makeSettings: @escaping @Sendable (ConnectionValues) throws(FieldFault) -> any Sendable,
    makeLookup: @escaping @Sendable (FieldValues, any Sendable) throws(FieldFault) -> any SecretLookup
  ) {
    self.type = type
    self.aliases = aliases
    self.summary = summary
    self.connection = connection
    self.connectionRules = connectionRules
    self.connectionDefaults = connectionDefaults
    self.authentication = authentication
    self.lookup = lookup
    self.lookupRules = lookupRules
    self.fieldIsRequired = fieldIsRequired
    self.refreshDefault = refreshDefault
    self.outputs = outputs
    self.fieldNames = fieldNames
    self.batchSize = batchSize
    self.pinningFields = pinningFields
    self.makeSettings = makeSettings
    self.makeLookup = makeLookup
  }

  /// What an entry with the lookup fields `values` asks for over `connection`.
  public func reference(
    _ values: FieldValues, over connection: ProviderConnection.Key
  ) throws(FieldFault) -> Reference {
    let wantsPrevious = values[PreviousVersion.field] ?? false
    func reference(_ lookup: some SecretLookup) throws(FieldFault) -> Reference {
      if wantsPrevious, let obstacle = lookup.previousObstacle {
        throw FieldFault(PreviousVersion.field.descriptor.name, obstacle)
      }
      return Reference(
        connection: connection, lookup: lookup, isPinned: pins(values) || lookup.namesOneVersion,
        wantsPrevious: wantsPrevious)
    }
    return try reference(try makeLookup(values, connection.settings))
  }

  /// Whether an entry with the fields `lookup` names a value that never changes.
  func pins(_ lookup: FieldValues) -> Bool {
    pinningFields.contains { name in
      guard let value = lookup[name] else {
        return false
      }
      guard case .version(let form)? = self.lookup.first(where: { $0.name == name })?.kind, case .text(let text) = value
      else {
        return true
      }
      return form.pins(text)
    }
  }

  /// Whether documents can name the CA that signed the server's certificate.
  public var takesCA: Bool { connection.contains { $0.name == "tls" } }

  /// Pinning fields whose names may move on.
  var movingFields: [String] {
    lookup.filter { $0.kind == .version(.numberOrName) && pinningFields.contains($0.name) }.map(\.name)
  }

  /// The fields that entries carry whatever their type, as they are for this one.
  var commonEntryFields: [FieldDescriptor] {
    Self.commonEntryFields(
      field: fieldNames.isEmpty ? .text : .choice(fieldNames), required: fieldIsRequired,
      outputs.isEmpty ? Self.fieldSummary : "the one value that the entry is to yield, under its own name")
  }

  private static let fieldSummary = "key of the JSON object that is the value; `a.b` or `/a/b/0` descends"

  static func commonEntryFields(
    field kind: FieldDescriptor.Kind = .text, required: Bool = false, _ summary: String = fieldSummary
  ) -> [FieldDescriptor] {
    [
      FieldDescriptor("from", .text, required: true, "name of an entry of `secret_providers`"),
      FieldDescriptor("field", kind, required: required, summary),
      FieldDescriptor("encoding", .choice(["raw", "base64"]), defaultsTo: "raw", "applied last, to the bytes"),
      FieldDescriptor(
        "refresh", .duration, "nanoseconds, or text as `30m` and `1h30m`; 0 or absent: the provider's default"),
    ]
  }
}

/// The names that an execution goes by on this node.
public struct ExecutionNames: Sendable, Equatable {
  public let node: String
  /// The job's name, else its id; `nil` where the document says neither.
  public let job: String?

  public init(node: String, job: String?) {
    self.node = node
    self.job = job
  }
}
