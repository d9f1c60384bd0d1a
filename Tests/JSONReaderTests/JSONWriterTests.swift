import JSONReader
import SecretBytes
import Testing

@Test func writesCompactJSON() {
  var writer = JSONWriter()
  writer.beginObject()
  writer.name("a")
  writer.number(.min)
  writer.name(SecretBytes("b\""))
  writer.beginArray()
  writer.string("x")
  writer.string(SecretBytes("y"))
  writer.boolean(true)
  writer.boolean(false)
  writer.null()
  writer.raw(SecretBytes("1.50"))
  writer.beginObject()
  writer.endObject()
  writer.beginArray()
  writer.endArray()
  writer.endArray()
  writer.name("")
  writer.string("")
  writer.endObject()
  #expect(
    writer.finish().unsafeString()
      == #"{"a":-9223372036854775808,"b\"":["x","y",true,false,null,1.50,{},[]],"":""}"#)
}

@Test func writesPrettyJSON() {
  var writer = JSONWriter(pretty: true)
  writer.beginObject()
  writer.name("a")
  writer.beginArray()
  writer.number(1)
  writer.number(2)
  writer.endArray()
  writer.name("b")
  writer.beginObject()
  writer.endObject()
  writer.endObject()
  #expect(writer.finish().unsafeString() == "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}")
}

@Test func writesOneScalar() {
  var writer = JSONWriter()
  writer.string("only")
  #expect(writer.finish().unsafeString() == "\"only\"")
}

@Test func escapesWhatMustBe() {
  var writer = JSONWriter()
  writer.string("\"\\/\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}é😀\u{2028}")
  #expect(writer.finish().unsafeString() == #""\"\\/\b\f\n\r\t\u0000\u001f"# + "\u{7f}é😀\u{2028}\"")
}

@Test func everyScalarComesBack() throws {
  var text = ""
  for scalar in (0..<0x3000).compactMap(Unicode.Scalar.init)
    + [0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff].compactMap(Unicode.Scalar.init)
  {
    text.unicodeScalars.append(scalar)
  }
  var writer = JSONWriter()
  writer.string(text)
  let value = try JSONValue.parse(writer.finish(), limits: .document)
  #expect(value.secret == SecretBytes(text))
}

@Test func bytesThatAreNotUTF8AreReplaced() throws {
  for (bytes, expected) in [
    ([0x61, 0xff, 0x62], #""a\ufffdb""#), ([0xc3], #""\ufffd""#), ([0xed, 0xa0, 0x80], #""\ufffd\ufffd\ufffd""#),
    ([0xf0, 0x9f, 0x98, 0x22], #""\ufffd\ufffd\ufffd\"""#),
  ] as [([UInt8], String)] {
    var writer = JSONWriter()
    writer.string(SecretBytes(bytes))
    let written = writer.finish()
    #expect(written.unsafeString() == expected)
    #expect(try JSONValue.parse(written, limits: .document).kind == .string)
  }
}

@Test func misuseDoesNotTrap() {
  var writer = JSONWriter(pretty: true)
  writer.endObject()
  writer.endArray()
  writer.name("a")
  writer.name("b")
  writer.beginArray()
  writer.endObject()
  writer.endObject()
  #expect(writer.finish().count > 0)
  #expect(JSONWriter().finish().isEmpty)
}
