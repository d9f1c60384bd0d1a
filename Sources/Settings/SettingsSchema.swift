import JSONReader
import SecretBytes

/// Writes declarations as JSON Schema (draft 2020-12), for editors and for whoever makes the files by program.
enum SettingsSchema {
  static func document(name: String, title: String, _ block: SettingShape.Block) -> SecretBytes {
    var json = JSONWriter(pretty: true)
    json.beginObject()
    json.member("$schema", "https://json-schema.org/draft/2020-12/schema")
    json.member("$id", "urn:secrets-agent:schema:\(name)")
    json.member("title", title)
    json.body(.object(block), orNull: true)
    let definitions = definitions(of: .object(block))
    if !definitions.isEmpty {
      json.name("$defs")
      json.beginObject()
      for (name, shape) in definitions {
        json.name(name)
        json.value(shape)
      }
      json.endObject()
    }
    json.endObject()
    return json.finish()
  }

  /// What is referred to by name, since it stands at two places: in a list and by itself.
  private static func definitions(of shape: SettingShape) -> [(String, SettingShape)] {
    switch shape {
    case .text, .flag, .integer, .choice: []
    case .list(let element, _): definitions(of: element)
    case .listOrOne(let element, let name): [(name, element)] + definitions(of: element)
    case .either(let one, let other): definitions(of: one) + definitions(of: other)
    case .map(_, let element): definitions(of: element)
    case .object(let block): block.members.flatMap { definitions(of: $0.shape) }
    }
  }
}

extension JSONWriter {
  fileprivate mutating func strings(_ name: String, _ texts: [String]) {
    list(name, texts) { $0.string($1) }
  }

  private mutating func list<Item>(_ name: String, _ items: [Item], _ write: (inout JSONWriter, Item) -> Void) {
    self.name(name)
    beginArray()
    for item in items {
      write(&self, item)
    }
    endArray()
  }

  private mutating func object(_ name: String? = nil, _ write: (inout JSONWriter) -> Void) {
    if let name {
      self.name(name)
    }
    beginObject()
    write(&self)
    endObject()
  }

  fileprivate mutating func value(_ shape: SettingShape) {
    object { $0.body(shape, orNull: false) }
  }

  /// The members of a schema object. Null is as good as absent to the reader, so a setting that may be absent may be null.
  fileprivate mutating func body(_ shape: SettingShape, orNull: Bool) {
    switch shape {
    case .text(let pattern, _):
      type("string", orNull)
      if let pattern {
        member("pattern", pattern)
      } else {
        name("minLength")
        number(1)
      }
    case .flag:
      type("boolean", orNull)
    case .integer(let range):
      type("integer", orNull)
      name("minimum")
      number(range.lowerBound)
      name("maximum")
      number(range.upperBound)
    case .choice(let words):
      name("enum")
      beginArray()
      for word in words {
        string(word)
      }
      if orNull {
        null()
      }
      endArray()
    case .list(let element, let mayBeEmpty):
      type("array", orNull)
      if !mayBeEmpty {
        name("minItems")
        number(1)
      }
      name("items")
      value(element)
    case .listOrOne(_, let name):
      alternatives(orNull) { json in
        json.object { $0.member("$ref", "#/$defs/\(name)") }
        json.object { list in
          list.type("array", false)
          list.object("items") { $0.member("$ref", "#/$defs/\(name)") }
        }
      }
    case .either(let one, let other):
      alternatives(orNull) { json in
        json.value(one)
        json.value(other)
      }
    case .map(let keys, let element):
      type("object", orNull)
      object("propertyNames") { $0.body(keys, orNull: false) }
      name("additionalProperties")
      value(element)
    case .object(let block):
      type("object", orNull)
      object("properties") { json in
        for setting in block.members {
          json.setting(setting)
        }
      }
      let required = block.members.filter(\.isRequired).map(\.key)
      if !required.isEmpty {
        strings("required", required)
      }
      name("additionalProperties")
      boolean(false)
      if !block.rules.isEmpty {
        list("allOf", block.rules) { $0.rule($1) }
      }
    }
  }

  private mutating func type(_ name: String, _ orNull: Bool) {
    if orNull {
      strings("type", [name, "null"])
    } else {
      member("type", name)
    }
  }

  private mutating func alternatives(_ orNull: Bool, _ write: (inout JSONWriter) -> Void) {
    name("anyOf")
    beginArray()
    write(&self)
    if orNull {
      object { $0.member("type", "null") }
    }
    endArray()
  }

  private mutating func setting(_ setting: SettingShape.Member) {
    object(setting.key) { json in
      var words = [setting.summary]
      if case .text(_, let expected?) = setting.shape {
        words.append("Expects \(expected).")
      }
      if let text = setting.defaultText {
        words.append("Default: \(text).")
      }
      json.member("description", words.joined(separator: " "))
      json.body(setting.shape, orNull: !setting.isRequired && !setting.refusesNull)
    }
  }

  // MARK: - Rules

  private mutating func rule(_ rule: SettingShape.Rule) {
    object { json in
      switch rule {
      case .exactlyOne(let keys, where: nil):
        json.list("oneOf", keys) { $0.given($1) }
      case .exactlyOne(let keys, let condition?):
        json.name("if")
        json.given(condition)
        json.object("then") { then in then.list("oneOf", keys) { $0.given($1) } }
      case .exclusive(let key, let other):
        json.object("not") { not in not.list("allOf", [key, other]) { $0.given($1) } }
      case .paired(let key, let other):
        json.object("if") { some in some.list("anyOf", [key, other]) { $0.given($1) } }
        json.object("then") { then in then.list("allOf", [key, other]) { $0.given($1) } }
      case .needs(let key, let other):
        json.name("if")
        json.given(key)
        json.name("then")
        json.given(other)
      }
    }
  }

  /// That `key` is there, and not null.
  private mutating func given(_ key: String) {
    object { json in
      json.strings("required", [key])
      json.object("properties") { properties in
        properties.object(key) { value in value.object("not") { $0.member("type", "null") } }
      }
    }
  }
}
