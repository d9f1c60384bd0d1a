import JSONReader
import SecretBytes

/// JSON by the limits of documents and of stores' answers; what was read is written again.
struct JSONTarget: FuzzTarget {
  static let name = "JSON"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    let document = try? JSONValue.parse(input, limits: .document)
    let value: JSONValue
    do throws(JSONFault) {
      value = try JSONValue.parse(input, limits: .payload)
    } catch {
      try hold(document == nil, "what is no payload is no document")
      try hold((1...input.mostLines).contains(error.position.line), "the fault is in the text")
      return false
    }
    try hold(input.isValidUTF8, "only UTF-8 is accepted")
    try walk(value)

    let compact = value.compact()
    try hold(compact.count <= input.count, "compact text is never longer")
    guard let again = try? JSONValue.parse(compact, limits: .payload) else {
      throw BrokenProperty(description: "compact text is JSON")
    }
    try hold(again.compact() == compact, "compact text is compact")
    try hold((try? JSONValue.parse(rewritten(value), limits: .payload)) != nil, "what the writer writes is JSON")
    return true
  }

  private func walk(_ value: JSONValue) throws(BrokenProperty) {
    _ = (value.int64, value.boolean, value.text, value.sourceText)
    var seen = 0
    for element in value.elements {
      try walk(element)
      seen += 1
    }
    for member in value.members {
      guard let name = member.name.text else {
        throw BrokenProperty(description: "a name is text")
      }
      try hold(value.member(name) != nil, "a member is found by its name")
      try walk(member.value)
      seen += 1
    }
    try hold(seen == value.count, "the count is that of what is there")
    try hold(value.element(seen) == nil, "there is no element behind the last one")
    try hold(value.position.line >= 1 && value.position.column >= 1, "a place is counted from 1")
  }

  private func rewritten(_ value: JSONValue) -> SecretBytes {
    var writer = JSONWriter(pretty: true)
    write(value, to: &writer)
    return writer.finish()
  }

  private func write(_ value: JSONValue, to writer: inout JSONWriter) {
    switch value.kind {
    case .object:
      writer.beginObject()
      for member in value.members {
        writer.name(member.name.secret ?? SecretBytes())
        write(member.value, to: &writer)
      }
      writer.endObject()
    case .array:
      writer.beginArray()
      for element in value.elements {
        write(element, to: &writer)
      }
      writer.endArray()
    case .string: writer.string(value.secret ?? SecretBytes())
    case .number: writer.raw(value.sourceText)
    case .boolean: writer.boolean(value.boolean ?? false)
    case .null: writer.null()
    }
  }
}
