import SecretBytes
import Testing

private struct Holder {
  let name = "visible"
  let value: SecretBytes
  let optional: SecretBytes?
  let list: [SecretBytes]
  let table: [String: SecretBytes]
}

private let text = "hunter2-s3cret"

@Test func nothingPrintsASecret() {
  let secret = SecretBytes(text)
  let holder = Holder(value: secret, optional: secret, list: [secret], table: ["key": secret])
  var dumped = ""
  dump(secret, to: &dumped)
  dump(holder, to: &dumped)
  var printed = ""
  print(secret, holder, to: &printed)
  debugPrint(secret, holder, to: &printed)
  let outputs = [
    "\(secret)", "\(holder)", String(describing: secret), String(reflecting: secret), String(reflecting: holder),
    secret.description,
    secret.debugDescription, String(describing: Optional(secret)), "\([secret])", "\(["key": secret])", dumped, printed,
    String(describing: Result<SecretBytes, Never>.success(secret)),
  ]
  for output in outputs {
    #expect(output.contains("<redacted>"))
    #expect(!output.contains(text))
    // Nor as numbers, nor where it lies.
    #expect(!output.contains("104, 117"))
    #expect(!output.contains("0x"))
    #expect(!output.contains("offset"))
  }
}

@Test func reflectionFindsNothingInASecret() {
  let mirror = Mirror(reflecting: SecretBytes(text))
  #expect(mirror.children.isEmpty)
  #expect(mirror.superclassMirror == nil)
  #expect(mirror.descendant("storage") == nil)
}
