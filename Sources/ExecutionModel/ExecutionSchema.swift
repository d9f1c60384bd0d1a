import JSONReader
import SecretBytes

/// The JSON Schema (draft 2020-12) of the two blocks, made from the provider descriptors. It is what editors offer; the
/// agent's own validation says more.
public enum ExecutionSchema {
  public static func document(of catalog: ProviderCatalog) -> SecretBytes {
    var json = JSONWriter(pretty: true)
    json.beginObject()
    json.name("$schema")
    json.string("https://json-schema.org/draft/2020-12/schema")
    json.name("title")
    json.string("secret_providers and secrets of a job spec")
    json.member("type", "object")
    json.name("properties")
    json.beginObject()
    json.name("secret_providers")
    json.map(to: catalog.descriptors.map { "provider_\($0.type)" })
    json.name("secrets")
    json.map(to: catalog.descriptors.map { "secret_\($0.type)" })
    json.endObject()
    json.name("$defs")
    json.beginObject()
    for descriptor in catalog.descriptors {
      json.name("provider_\(descriptor.type)")
      provider(descriptor, &json)
      json.name("secret_\(descriptor.type)")
      json.object(descriptor.summary, descriptor.commonEntryFields + descriptor.lookup, descriptor.lookupRules)
    }
    json.endObject()
    json.endObject()
    return json.finish()
  }

  private static func provider(_ descriptor: ProviderDescriptor, _ json: inout JSONWriter) {
    json.beginObject()
    json.member("description", descriptor.summary)
    json.member("type", "object")
    json.name("properties")
    json.beginObject()
    json.name("type")
    json.choice([descriptor.type] + descriptor.aliases)
    json.fields(descriptor.connection)
    if let authentication = descriptor.authentication {
      json.name("auth")
      json.beginObject()
      // Without `method`, several methods may fit a block.
      let isInferred = authentication.defaultMethod != nil
      json.name(isInferred ? "anyOf" : "oneOf")
      json.beginArray()
      for method in authentication.methods {
        let chosen = FieldDescriptor("method", .choice([method.name]), required: !isInferred, method.summary)
        json.object(method.summary, [chosen] + method.fields + authentication.commonFields, method.rules)
      }
      json.endArray()
      json.endObject()
    }
    json.endObject()
    let required = descriptor.connection.filter(\.isRequired).map(\.name)
    json.strings("required", ["type"] + required + (descriptor.authentication?.isRequired == true ? ["auth"] : []))
    json.endObject()
  }
}

extension JSONWriter {
  fileprivate mutating func member(_ name: String, _ text: String) {
    self.name(name)
    string(text)
  }

  fileprivate mutating func strings(_ name: String, _ texts: [String]) {
    self.name(name)
    beginArray()
    for text in texts {
      string(text)
    }
    endArray()
  }

  fileprivate mutating func map(to definitions: [String]) {
    beginObject()
    member("type", "object")
    name("additionalProperties")
    beginObject()
    name("anyOf")
    beginArray()
    for definition in definitions {
      beginObject()
      member("$ref", "#/$defs/\(definition)")
      endObject()
    }
    endArray()
    endObject()
    endObject()
  }

  fileprivate mutating func choice(_ choices: [String]) {
    beginObject()
    strings("enum", choices)
    endObject()
  }

  fileprivate mutating func object(_ summary: String, _ fields: [FieldDescriptor], _ rules: [FieldRule]) {
    beginObject()
    member("description", summary)
    member("type", "object")
    name("properties")
    beginObject()
    self.fields(fields)
    endObject()
    strings("required", fields.filter(\.isRequired).map(\.name))
    let exclusive = rules.compactMap { rule -> [String]? in
      if case .exactlyOne(let names) = rule { names } else { nil }
    }
    if !exclusive.isEmpty {
      name("allOf")
      beginArray()
      for names in exclusive {
        beginObject()
        name("oneOf")
        beginArray()
        for name in names {
          beginObject()
          strings("required", [name])
          endObject()
        }
        endArray()
        endObject()
      }
      endArray()
    }
    endObject()
  }

  fileprivate mutating func fields(_ fields: [FieldDescriptor]) {
    for field in fields {
      name(field.name)
      if case .object(let inner) = field.kind {
        object(field.summary, inner, [])
      } else {
        self.field(field)
      }
    }
  }

  private mutating func field(_ field: FieldDescriptor) {
    beginObject()
    member("description", field.summary)
    switch field.kind {
    case .integer(let range):
      member("type", "integer")
      name("minimum")
      number(range.lowerBound)
      if range.upperBound < .max {
        name("maximum")
        number(range.upperBound)
      }
    case .boolean:
      member("type", "boolean")
    case .duration, .version:
      strings("type", ["string", "integer"])
    case .choice(let choices):
      strings("enum", choices)
    case .text, .credential, .address, .file, .environmentVariable, .remotePath, .pem, .object:
      member("type", "string")
      name("minLength")
      number(1)
    }
    endObject()
  }
}
