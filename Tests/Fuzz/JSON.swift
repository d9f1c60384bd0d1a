import JSONReader
import SecretBytes

/// Whatever the bytes are, the reader gives a value that holds together, or a fault; it never traps. Built by `scripts/fuzz`.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
  let input = SecretBytes(copying: UnsafeRawBufferPointer(start: start, count: count))
  let rejecting = try? JSONValue.parse(input, limits: .document)
  guard let value = try? JSONValue.parse(input, limits: .payload) else {
    precondition(rejecting == nil, "what is no payload is no document")
    return 0
  }
  precondition(input.isValidUTF8, "only UTF-8 is accepted")
  walk(value)

  let compact = value.compact()
  precondition(compact.count <= input.count, "compact text is never longer")
  guard let again = try? JSONValue.parse(compact, limits: .payload) else {
    preconditionFailure("compact text is JSON")
  }
  precondition(again.compact() == compact, "compact text is compact")
  precondition((try? JSONValue.parse(rewrite(value), limits: .payload)) != nil, "what the writer writes is JSON")
  return 0
}

private func walk(_ value: JSONValue) {
  _ = (value.int64, value.boolean, value.text, value.sourceText)
  var seen = 0
  for element in value.elements {
    walk(element)
    seen += 1
  }
  for member in value.members {
    guard let name = member.name.text else {
      preconditionFailure("a name is text")
    }
    precondition(value.member(name) != nil, "a member is found by its name")
    walk(member.value)
    seen += 1
  }
  precondition(seen == value.count, "the count is that of what is there")
  precondition(value.element(seen) == nil)
  precondition(value.position.line >= 1 && value.position.column >= 1)
}

private func rewrite(_ value: JSONValue) -> SecretBytes {
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
