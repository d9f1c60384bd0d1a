import SecretBytes
import Testing

/// RFC 4648 §10.
private let vectors = [
  ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
  ("foobar", "Zm9vYmFy"),
]

@Test(arguments: vectors) func theVectorsOfTheRFCHold(_ plain: String, encoded: String) {
  #expect(Base64.encode(SecretBytes(plain)) == SecretBytes(encoded))
  #expect(Base64.decode(SecretBytes(encoded)) == SecretBytes(plain))
  let bare = encoded.prefix { $0 != "=" }
  #expect(Base64.encode(SecretBytes(plain), .url) == SecretBytes(String(bare)))
  #expect(Base64.decode(SecretBytes(String(bare)), .url) == SecretBytes(plain))
  #expect(Base64.decode(SecretBytes(encoded), .url) == SecretBytes(plain))
}

@Test func theAlphabetsDifferInTwoLetters() {
  let bytes = SecretBytes([0xfb, 0xff, 0xbf])
  #expect(Base64.encode(bytes) == SecretBytes("+/+/"))
  #expect(Base64.encode(bytes, .url) == SecretBytes("-_-_"))
  #expect(Base64.decode(SecretBytes("+/+/")) == bytes)
  #expect(Base64.decode(SecretBytes("-_-_"), .url) == bytes)
  #expect(Base64.decode(SecretBytes("-_-_")) == nil)
  #expect(Base64.decode(SecretBytes("+/+/"), .url) == nil)
}

@Test(arguments: [
  "A", "AA", "AAA", "AAAAA", "Zg", "Zg=", "Zg===", "Zm8", "Zm8==", "=", "==", "===", "====", "A===", "Zm9v=", "Zm9v==",
  "Zm9v====", "=Zg=",
  "Z=g=", "Zg==Zg==", "Zm9v Zm9v", "Zm9v\n", "\nZm9v", "Zm9\u{0}", "Zm9é", "Zm9!", "Zm9,", "Zm9.",
  // Bits beyond the last byte.
  "Zh==", "Zm9=", "Zv==", "AB==", "AAB=",
]) func whatIsNotStrictIsRejected(_ text: String) {
  #expect(Base64.decode(SecretBytes(text)) == nil)
}

@Test(arguments: [
  "A", "AAAAA", "Zg=", "Zg===", "=", "==", "====", "Zm9v=", "Zh", "Zm9", "AB", "AAB", "Zg=a", "Zm9v\n", "Zm9+", "Zm9/",
])
func theURLAlphabetIsStrictToo(_ text: String) {
  #expect(Base64.decode(SecretBytes(text), .url) == nil)
}

@Test func everyByteThatIsNoLetterIsRejected() {
  for byte in UInt8.min...UInt8.max {
    let isLetter = (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    for place in 0..<4 {
      var text = Array("AAAA".utf8)
      text[place] = byte
      #expect(
        (Base64.decode(SecretBytes(text)) != nil)
          == (isLetter || byte == 0x2b || byte == 0x2f || (byte == 0x3d && place == 3)))
      #expect(
        (Base64.decode(SecretBytes(text), .url) != nil)
          == (isLetter || byte == 0x2d || byte == 0x5f || (byte == 0x3d && place == 3)))
    }
  }
}

@Test func randomBytesComeBack() {
  var random = SystemRandomNumberGenerator()
  for size in Array(0...100) + [255, 256, 1000, 65_537] {
    let bytes = SecretBytes((0..<size).map { _ in UInt8.random(in: 0...255, using: &random) })
    for alphabet in [Base64.Alphabet.standard, .url] {
      let text = Base64.encode(bytes, alphabet)
      #expect(text.count == (alphabet == .standard ? (size + 2) / 3 * 4 : (size * 4 + 2) / 3))
      #expect(Base64.decode(text, alphabet) == bytes)
    }
  }
}

@Test func everyTextThatDecodesIsTheOneThatIsEncoded() {
  var random = SystemRandomNumberGenerator()
  let letters = Array("AQgw/+9z=".utf8)
  for _ in 0..<20_000 {
    let text = SecretBytes(
      (0..<Int.random(in: 0...9, using: &random)).map { _ in letters.randomElement(using: &random) ?? 0 })
    if let bytes = Base64.decode(text) {
      #expect(Base64.encode(bytes) == text)
    }
  }
}
