import Resolution
import SecretBytes
import Testing

private func extract(_ field: String, from payload: String) throws -> String? {
  try FieldExtraction(payload: SecretBytes(payload)).value(of: field).unsafeString()
}

private func fault(_ field: String, from payload: String) -> String {
  do {
    _ = try extract(field, from: payload)
    return ""
  } catch {
    return (error as? FieldExtraction.Fault)?.message ?? "\(error)"
  }
}

@Test func aStringGivesItsTextAndAnythingElseItsJSON() throws {
  let payload =
    #"{"s": "a\"\u00e9\n", "n": 1.0, "big": 123456789012345678901234567890, "e": 1E400, "b": true, "z": null, "o": { "k" : [1 , 2] }, "x": ""}"#
  #expect(try extract("s", from: payload) == "a\"é\n")
  #expect(try extract("n", from: payload) == "1.0")
  #expect(try extract("big", from: payload) == "123456789012345678901234567890")
  #expect(try extract("e", from: payload) == "1E400")
  #expect(try extract("b", from: payload) == "true")
  #expect(try extract("z", from: payload) == "null")
  #expect(try extract("o", from: payload) == #"{"k":[1,2]}"#)
  #expect(try extract("x", from: payload) == "")
}

/// To Swift a mark and the slash or dot before it are one character.
@Test func aKeyMayBeginWithACombiningMark() throws {
  let payload = #"{"\u031b4": "x", "a": {"\u031eb": {"~\u031e": [7]}}}"#
  #expect(try extract("\u{31b}4", from: payload) == "x")
  #expect(try extract("/\u{31b}4", from: payload) == "x")
  #expect(try extract("/a/\u{31e}b/~0\u{31e}/0", from: payload) == "7")
  #expect(try extract("a.\u{31e}b.~\u{31e}.0", from: payload) == "7")
}

@Test func aPathDescendsAndALiteralKeyWins() throws {
  let payload = #"{"a": {"b": [10, {"c": "deep"}], "d.e": 7}, "a.b": "literal", "/a/b": "slashed", "x/y": {"~": 5}}"#
  #expect(try extract("a.b", from: payload) == "literal")
  #expect(try extract("/a/b", from: payload) == "slashed")
  #expect(try extract("/a/b/0", from: payload) == "10")
  #expect(try extract("/a/b/1/c", from: payload) == "deep")
  #expect(try extract("a.d.e", from: payload) == "7")
  #expect(try extract("/x~1y/~0", from: payload) == "5")
}

@Test func aDottedPathIndexesArrays() throws {
  #expect(try extract("a.1", from: #"{"a": [1, 2]}"#) == "2")
  #expect(try extract("limits.burst.0", from: #"{"limits": {"burst": [10, 20]}}"#) == "10")
}

@Test func aMissingFieldListsTheNamesThatExistAndNoValue() {
  let payload = #"{"username": "hidden-u", "password": "hidden-p"}"#
  let message = fault("passwort", from: payload)
  #expect(message.contains("username, password"))
  #expect(message.contains("did you mean \"password\""))
  #expect(!message.contains("hidden"))
  #expect(fault("x", from: "{}").contains("there are none"))
  #expect(fault("a.b", from: #"{"a": {"c": 1}}"#).contains("no field b in a; there are: c"))
}

@Test(arguments: [
  "/a/01", "/a/-1", "/a/2", "/a/+1", "/a/x", "/a/99999999999999999999", "/a/~2", "/a/~", "a.b.c", "/", "a.0.x",
])
func aPathThatLeadsNowhereIsAFault(_ field: String) {
  #expect(!fault(field, from: #"{"a": [1, 2]}"#).isEmpty)
}

@Test(arguments: ["", "plain", "{", "{\"a\": 1}x", "\u{0}", "[1", "{'a': 1}"])
func aPayloadThatIsNotJSONHasNoFields(_ payload: String) {
  #expect(fault("a", from: payload).contains("not JSON") || fault("a", from: payload).contains("no field"))
}

@Test func aScalarOrArrayPayloadHasNoNamedField() {
  #expect(fault("a", from: "\"text\"").contains("not an object"))
  #expect(fault("a", from: "[1]").contains("the array has 1"))
}

@Test func oneOfManyNamesIsListedShort() {
  let payload = "{" + (0..<50).map { "\"k\($0)\": 0" }.joined(separator: ",") + "}"
  let message = fault("zzzzzzzz", from: payload)
  #expect(message.contains("and 30 more"))
}
