import JSONReader

/// The three flat structs of the orchestrator's API: one for every provider, one for every `auth` block, one for every entry,
/// whatever their type. A key is of one of them, or of nobody.
struct DocumentStructs: Sendable {
  /// A struct's keys, each with who reads it.
  typealias Keys = [String: [String]]

  let provider: Keys
  let authentication: Keys
  let secret: Keys
  private(set) var misplacedInProvider: [String: String] = [:]
  private(set) var misplacedInAuthentication: [String: String] = [:]
  private(set) var misplacedInSecret: [String: String] = [:]

  init(_ descriptors: [ProviderDescriptor]) {
    provider = Self.keys(descriptors) { descriptor in
      descriptor.connection.map(\.name) + (descriptor.authentication == nil ? [] : ["auth"])
    }
    authentication = Self.keys(descriptors) { descriptor in
      let methods = descriptor.authentication?.methods ?? []
      return methods.flatMap { $0.fields.map(\.name) } + (descriptor.authentication?.commonFields.map(\.name) ?? [])
    }
    secret = Self.keys(descriptors) { $0.lookup.map(\.name) }
    misplacedInProvider = misplaced(in: provider)
    misplacedInAuthentication = misplaced(in: authentication)
    misplacedInSecret = misplaced(in: secret)
  }

  /// Keys that `keys` has not, but another struct has: people misplace them.
  func misplaced(in keys: Keys) -> [String: String] {
    var places: [String: String] = [:]
    for (other, place) in [
      (secret, "to the entries of secrets"), (authentication, "into the provider's auth"),
      (provider, "to the provider, in secret_providers"),
    ] {
      for name in other.keys where keys[name] == nil {
        places[name] = place
      }
    }
    return places
  }

  private static func keys(
    _ descriptors: [ProviderDescriptor], _ names: (ProviderDescriptor) -> [String]
  ) -> Keys {
    var keys: Keys = [:]
    for descriptor in descriptors {
      for name in names(descriptor) where keys[name]?.last != descriptor.type {
        keys[name, default: []].append(descriptor.type)
      }
    }
    return keys
  }
}

extension JSONValue {
  /// Whether it is what a server writes for a field that nobody set: null, `""`, 0, false, and objects and arrays of nothing else.
  var isZero: Bool {
    switch kind {
    case .null: true
    case .boolean: boolean == false
    case .string: secret?.isEmpty ?? true
    case .number: int64 == 0
    case .array: count == 0
    case .object: count == 0 || members.allSatisfy { $0.value.isZero }
    }
  }
}
