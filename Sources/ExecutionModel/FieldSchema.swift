import JSONReader

/// One field as JSON Schema.
enum FieldSchema {
  /// What a server writes for a field that nobody set.
  static let zero: JSONTree = ["$ref": "#/$defs/zero"]
  static let zeroDefinition: JSONTree = [
    "anyOf": [["enum": [.null, "", 0, false, []]], ["type": "object", "additionalProperties": zero]]
  ]

  /// Matches nothing. Unlike `false` it is found at the key that should not be there, and not at the object around it.
  static let nothing: JSONTree = ["$ref": "#/$defs/nothing"]
  static let nothingDefinition: JSONTree = ["not": [:]]

  /// A required field must hold something.
  static func field(_ field: FieldDescriptor) -> JSONTree {
    field.isRequired ? described(field, required(field.kind)) : optional(field)
  }

  /// The field, or nothing in it.
  static func optional(_ field: FieldDescriptor) -> JSONTree {
    described(field, optional(field.kind))
  }

  private static func described(_ field: FieldDescriptor, _ schema: JSONTree) -> JSONTree {
    let standard = field.defaultText.map { "; default: \($0)" } ?? ""
    let note = field.isExtension ? " (an extension of this agent)" : ""
    return (["description": .string(field.summary + standard + note)] as JSONTree).adding(schema)
  }

  private static func required(_ kind: FieldDescriptor.Kind) -> JSONTree {
    switch kind {
    case .integer(let range):
      (["type": "integer"] as JSONTree).adding(bounds(range))
    case .boolean: ["type": "boolean"]
    case .duration:
      [
        "type": ["string", "integer"], "minimum": 0, "maximum": .number(.max), "pattern": .string(durationPattern),
      ]
    case .version(let form): ["type": ["string", "integer"], "pattern": .string(form.grammar.pattern)]
    case .choice(let choices): ["enum": .strings(choices)]
    case .object(let fields): object(fields)
    case .text, .credential, .grammar, .address, .origin, .file, .identityFile, .environmentVariable, .audience,
      .remotePath, .pem:
      (["type": "string", "minLength": 1] as JSONTree).adding(
        pattern(kind).map { .object([.init("pattern", .string($0))]) } ?? [:])
    }
  }

  private static func optional(_ kind: FieldDescriptor.Kind) -> JSONTree {
    switch kind {
    case .integer(let range):
      ["type": ["integer", "null"], "anyOf": [["enum": [0, .null]], bounds(range)]]
    case .boolean: ["type": ["boolean", "null"]]
    case .duration:
      [
        "type": ["string", "integer", "null"], "minimum": 0, "maximum": .number(.max),
        "pattern": .string("^$|\(durationPattern)"),
      ]
    case .version: ["type": ["string", "integer", "null"]]
    case .choice(let choices): ["enum": .array(choices.map { .string($0) } + ["", .null])]
    case .object(let fields): object(fields)
    case .text, .credential, .grammar, .address, .origin, .file, .identityFile, .environmentVariable, .audience,
      .remotePath, .pem:
      (["type": ["string", "null"]] as JSONTree).adding(
        pattern(kind).map { .object([.init("pattern", .string("^$|\($0)"))]) } ?? [:])
    }
  }

  private static func object(_ fields: [FieldDescriptor]) -> JSONTree {
    [
      "type": ["object", "null"],
      "properties": .object(fields.map { .init($0.name, optional($0)) }),
      "additionalProperties": nothing,
    ]
  }

  private static func bounds(_ range: ClosedRange<Int64>) -> JSONTree {
    ["minimum": .number(range.lowerBound), "maximum": .number(range.upperBound)]
  }

  /// Go's syntax, without a sign that could make it negative.
  private static let durationPattern = "^\\+?(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[+-]?0$"

  private static func pattern(_ kind: FieldDescriptor.Kind) -> String? {
    switch kind {
    case .grammar(let grammar): grammar.pattern
    case .address, .origin: "^https?://"
    case .file, .identityFile: "^/"
    case .pem: "^(/|-----BEGIN )"
    case .environmentVariable: "^[A-Za-z_][A-Za-z0-9_]*$"
    default: nil
    }
  }

  /// What the rules of a block come to. A key that is there with nothing in it counts as absent.
  static func rules(_ rules: [FieldRule]) -> JSONTree {
    let schemas = rules.flatMap { rule -> [JSONTree] in
      switch rule {
      case .exactlyOne(let names): [anyOf(names)] + pairs(names).map(notBoth)
      case .atMostOne(let names): pairs(names).map(notBoth)
      case .allOrNone, .onlyWhile: []
      }
    }
    return schemas.isEmpty ? [:] : ["allOf": .array(schemas)]
  }

  private static func anyOf(_ names: [String]) -> JSONTree {
    ["anyOf": .array(names.map { ["required": .strings([$0])] })]
  }

  private static func notBoth(_ pair: [String]) -> JSONTree {
    [
      "not": [
        "required": .strings(pair), "properties": .object(pair.map { .init($0, ["not": zero]) }),
      ]
    ]
  }

  private static func pairs(_ names: [String]) -> [[String]] {
    names.indices.flatMap { one in names[(one + 1)...].map { [names[one], $0] } }
  }
}
