import JSONReader
import SecretBytes

/// The JSON Schema (draft 2020-12) of documents, made from the provider descriptors. It is what editors offer; the agent's own
/// validation says more.
///
/// It looks into every shape of ``ExecutionEnvelope``, and chooses a provider's fields by `provider`, so that a wrong key or type is
/// said at its own place. As the flat structs of the API have it, any key may be there with nothing in it.
public enum ExecutionSchema {
  public static func document(of catalog: ProviderCatalog) -> SecretBytes {
    let authentications = AuthenticationSchemas(catalog)
    let definitions: [JSONTree.Member] =
      [
        .init("document", document), .init("jobSpec", jobSpec),
        .init("provider", provider(catalog)), .init("secret", SecretSchema.entry(of: catalog)),
        .init("zero", FieldSchema.zeroDefinition), .init("nothing", FieldSchema.nothingDefinition),
      ]
      + catalog.descriptors.map {
        .init("provider_\($0.type)", ProviderSchema.fields(of: $0, in: catalog, authentications))
      } + authentications.definitions
    let schema: JSONTree = [
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "$id": "urn:secrets-agent:schema:execution",
      "title": "An execution, a list of executions, or a job spec with secret_providers and secrets",
      "$ref": "#/$defs/document",
      "$defs": .object(definitions),
    ]
    return schema.pretty
  }

  private static let blocks: JSONTree = [
    "secret_providers": [
      "description": "Where to fetch secrets and how to authenticate, by a name of your choice",
      "type": ["object", "null"], "additionalProperties": ["$ref": "#/$defs/provider"],
    ],
    "secrets": [
      "description": "Which secrets the job wants, by the names of their variables",
      "type": ["object", "null"], "additionalProperties": ["$ref": "#/$defs/secret"],
    ],
  ]

  private static let document: JSONTree = [
    "type": "object",
    "properties": blocks.adding([
      "job_spec": ["$ref": "#/$defs/jobSpec"],
      "items": ["type": ["array", "null"], "items": ["$ref": "#/$defs/document"]],
      "next_token": ["type": ["string", "null"]],
      "spec": ["$ref": "#/$defs/document"],
      "execution": ["$ref": "#/$defs/document"],
      "job": ["$ref": "#/$defs/document"],
    ]),
  ]

  private static let jobSpec: JSONTree = ["type": ["object", "null"], "properties": blocks]

  private static func provider(_ catalog: ProviderCatalog) -> JSONTree {
    let types = catalog.descriptors.flatMap { [$0.type] + $0.aliases }
    let keys = catalog.structs.provider.keys.sorted()
    return [
      "type": "object",
      "properties": .object(
        [.init("provider", ["description": "The backend's type", "enum": .strings(types)])]
          + keys.map { .init($0, true) }),
      "required": ["provider"],
      "additionalProperties": FieldSchema.nothing,
      "allOf": .array(
        catalog.descriptors.map { descriptor in
          [
            "if": [
              "properties": ["provider": ["enum": .strings([descriptor.type] + descriptor.aliases)]],
              "required": ["provider"],
            ],
            "then": ["$ref": .string("#/$defs/provider_\(descriptor.type)")],
          ]
        }),
    ]
  }
}

/// The fields of one provider type.
private enum ProviderSchema {
  static func fields(
    of descriptor: ProviderDescriptor, in catalog: ProviderCatalog, _ authentications: AuthenticationSchemas
  ) -> JSONTree {
    let own = descriptor.connection.map(\.name)
    let foreign = catalog.structs.provider.keys.filter { !own.contains($0) && $0 != "auth" }.sorted()
    let required = descriptor.connection.filter(\.isRequired).map(\.name)
    return [
      "description": .string(descriptor.summary),
      "properties": .object(
        descriptor.connection.map { .init($0.name, FieldSchema.field($0)) }
          + foreign.map { .init($0, FieldSchema.zero) }
          + [.init("auth", authentications.reference(of: descriptor) ?? FieldSchema.zero)]),
      "required": .strings(required + (descriptor.authentication?.isRequired == true ? ["auth"] : [])),
    ]
  }
}

/// The `auth` blocks, each once however many types share it.
private struct AuthenticationSchemas {
  private(set) var definitions: [JSONTree.Member] = []
  private var names: [String: String] = [:]

  init(_ catalog: ProviderCatalog) {
    for descriptor in catalog.descriptors {
      guard let authentication = descriptor.authentication else {
        continue
      }
      let schema = Self.schema(authentication, in: catalog)
      let known = definitions.first { $0.value == schema }
      names[descriptor.type] = known?.name ?? "auth_\(descriptor.type)"
      if known == nil {
        definitions.append(.init("auth_\(descriptor.type)", schema))
      }
    }
  }

  /// `nil` for a type without an `auth` block.
  func reference(of descriptor: ProviderDescriptor) -> JSONTree? {
    names[descriptor.type].map { ["$ref": .string("#/$defs/\($0)")] }
  }

  private static func schema(_ authentication: AuthenticationDescriptor, in catalog: ProviderCatalog) -> JSONTree {
    var fields = authentication.commonFields
    for field in authentication.methods.flatMap(\.fields) where !fields.contains(where: { $0.name == field.name }) {
      fields.append(field)
    }
    let foreign = catalog.structs.authentication.keys.filter { key in !fields.contains { $0.name == key } }.sorted()
    let names = authentication.methods.flatMap { [$0.name] + $0.aliases }
    return [
      "type": authentication.isRequired ? "object" : ["object", "null"],
      "properties": .object(
        [
          .init(
            "method",
            [
              "description": "How to log in; may be left out where the other fields leave one method only",
              "enum": .array(names.map { .string($0) } + ["", .null]),
            ])
        ]
          + fields.map { .init($0.name, FieldSchema.optional($0)) } + foreign.map { .init($0, FieldSchema.zero) }),
      "additionalProperties": FieldSchema.nothing,
      "allOf": .array(authentication.methods.map { method($0, among: fields, authentication.commonFields) }),
    ]
  }

  private static func method(
    _ method: AuthenticationMethod, among fields: [FieldDescriptor], _ common: [FieldDescriptor]
  ) -> JSONTree {
    let own = (method.fields + common).map(\.name)
    let foreign = fields.map(\.name).filter { !own.contains($0) }
    return [
      "if": [
        "type": "object", "required": ["method"],
        "properties": ["method": ["enum": .strings([method.name] + method.aliases)]],
      ],
      "then": JSONTree.object([
        .init("properties", .object(foreign.map { .init($0, FieldSchema.zero) })),
        .init("required", .strings(method.fields.filter(\.isRequired).map(\.name))),
      ]).adding(FieldSchema.rules(method.rules)),
    ]
  }
}

/// Entries of `secrets`: of what type one is stands in its provider, so its own keys have to tell.
private enum SecretSchema {
  static func entry(of catalog: ProviderCatalog) -> JSONTree {
    let lookups = catalog.descriptors.map { ($0, $0.lookup) }
    var fields: [FieldDescriptor] = []
    for field in lookups.flatMap(\.1) where !fields.contains(where: { $0.name == field.name }) {
      fields.append(field)
    }
    let common = ProviderDescriptor.commonEntryFields()
    let telling = lookups.flatMap { descriptor, own in
      own.filter { catalog.structs.secret[$0.name] == [descriptor.type] }.map { (descriptor, $0.name) }
    }
    return [
      "type": "object",
      "properties": .object(
        common.map { .init($0.name, FieldSchema.field($0)) } + fields.map { .init($0.name, FieldSchema.optional($0)) }),
      "required": ["from"],
      "additionalProperties": FieldSchema.nothing,
      "allOf": .array(telling.map { rule(for: $0, named: $1, among: fields) }),
    ]
  }

  /// A key that one type alone reads makes the entry one of that type.
  private static func rule(
    for descriptor: ProviderDescriptor, named name: String, among fields: [FieldDescriptor]
  ) -> JSONTree {
    let own = descriptor.lookup.map(\.name)
    let foreign = fields.map(\.name).filter { !own.contains($0) }
    let required = descriptor.lookup.filter(\.isRequired).map(\.name) + (descriptor.fieldIsRequired ? ["field"] : [])
    return [
      "if": ["properties": .object([.init(name, ["not": FieldSchema.zero])]), "required": .strings([name])],
      "then": JSONTree.object([
        .init("properties", .object(foreign.map { .init($0, FieldSchema.zero) })),
        .init("required", .strings(required)),
      ]).adding(FieldSchema.rules(descriptor.lookupRules)),
    ]
  }
}
