/// The `auth` block of a provider type.
public struct AuthenticationDescriptor: Sendable {
  /// Whether the block must be there.
  public let isRequired: Bool
  public let methods: [AuthenticationMethod]
  /// Fields that every method accepts, as `mount_path`; they do not tell which method is meant.
  public let commonFields: [FieldDescriptor]
  /// The method that holds where the block is absent, or has no field that tells another. `nil`: there is none.
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

  /// The method that documents call `name`, one of its synonyms among them.
  func method(named name: String) -> AuthenticationMethod? {
    methods.first { $0.name == name } ?? methods.first { $0.aliases.contains(name) }
  }

  /// What a block without `method` says by the fields that it has.
  enum Inference: Sendable {
    case method(AuthenticationMethod)
    /// No method takes these fields together.
    case contradiction
    /// Each of these may be meant.
    case several([AuthenticationMethod])
  }

  /// The one method that the fields `given` leave: of those that take them all, the one that has all it requires. The default is
  /// meant by its name only, or by no field at all.
  func method(inferredFrom given: Set<String>) -> Inference {
    let telling = given.filter { name in methods.contains { $0.fields.contains { $0.name == name } } }
    if telling.isEmpty, let standard = methods.first(where: { $0.name == defaultMethod }) {
      return .method(standard)
    }
    let taking = methods.filter { method in
      method.name != defaultMethod && telling.allSatisfy { name in method.fields.contains { $0.name == name } }
    }
    guard !taking.isEmpty else {
      return .contradiction
    }
    let complete = taking.filter { $0.hasRequired(of: telling) }
    // What a method asks for tells more than what it merely takes.
    for candidates in [complete.filter(\.requiresFields), complete, taking] {
      if let only = candidates.first, candidates.count == 1 {
        return .method(only)
      }
      if !candidates.isEmpty {
        return .several(candidates)
      }
    }
    return .contradiction
  }
}

/// One `auth.method`: its name, fields and rules.
public struct AuthenticationMethod: Sendable {
  public let name: String
  /// What people call it elsewhere, taken as well.
  public let aliases: [String]
  public let summary: String
  public let fields: [FieldDescriptor]
  public let rules: [FieldRule]
  /// The identity of the platform's that it always logs in with; `nil`: another credential, or one that only the login finds.
  public let identity: PlatformIdentity?

  public init(
    _ name: String, aliases: [String] = [], _ summary: String, fields: [FieldDescriptor], rules: [FieldRule] = [],
    identity: PlatformIdentity? = nil
  ) {
    self.name = name
    self.aliases = aliases
    self.summary = summary
    self.fields = fields
    self.rules = rules
    self.identity = identity
  }

  /// Sets of fields of which one must be given.
  private var required: [[String]] {
    fields.filter(\.isRequired).map { [$0.name] }
      + rules.compactMap { rule in
        if case .exactlyOne(let names) = rule { names } else { nil }
      }
  }

  var requiresFields: Bool { !required.isEmpty }

  /// Whether `given` has every required field, and one of each set that a rule wants exactly one of.
  func hasRequired(of given: Set<String>) -> Bool {
    required.allSatisfy { names in names.contains { given.contains($0) } }
  }
}
