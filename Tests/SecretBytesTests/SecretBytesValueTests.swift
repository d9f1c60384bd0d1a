import SecretBytes
import Testing

@Test func equalityIsThatOfTheBytes() {
  #expect(SecretBytes("abc") == SecretBytes([0x61, 0x62, 0x63]))
  #expect(SecretBytes("abc") != SecretBytes("abd"))
  #expect(SecretBytes("abc") != SecretBytes("ab"))
  #expect(SecretBytes() == SecretBytes(""))
  #expect(SecretBytes() != SecretBytes("a"))
  #expect(SecretBytes("xabc").slice(1..<4) == SecretBytes("abcx").slice(0..<3))
  // Canonically equal characters are different bytes.
  #expect(SecretBytes("\u{e9}") != SecretBytes("e\u{301}"))
  for index in 0..<64 {
    var bytes = [UInt8](repeating: 7, count: 64)
    bytes[index] ^= 1
    #expect(SecretBytes(bytes) != SecretBytes([UInt8](repeating: 7, count: 64)))
  }
}

@Test func comparesWithALiteral() {
  #expect(SecretBytes("token").equals("token"))
  #expect(!SecretBytes("token").equals("Token"))
  #expect(!SecretBytes("token").equals("tokens"))
  #expect(SecretBytes().equals(""))
}

@Test func slicesAreClampedAndShareMemory() {
  let whole = SecretBytes("0123456789")
  #expect(whole.slice(2..<5) == SecretBytes("234"))
  #expect(whole.slice(2..<8).slice(1..<3) == SecretBytes("34"))
  #expect(whole.slice(5..<5).isEmpty)
  #expect(whole.slice(8..<100) == SecretBytes("89"))
  #expect(whole.slice(-5..<2) == SecretBytes("01"))
  #expect(whole.slice(20..<30).isEmpty)
  #expect(whole.slice(-9 ..< -1).isEmpty)
  #expect(whole.slice(0..<4).slice(0..<10) == SecretBytes("0123"))
  #expect(SecretBytes().slice(0..<3).isEmpty)
  #expect(address(whole.slice(3..<5)) == address(whole).map { $0 + 3 })
}

@Test func aSliceOutlivesTheWhole() {
  func slice() -> SecretBytes {
    SecretBytes(String(repeating: "x", count: 1000) + "value").slice(1000..<1005)
  }
  let kept = slice()
  // Were the block handed back, one of these would take it.
  let others = (0..<8).map { _ in SecretBytes(String(repeating: "y", count: 1005)) }
  #expect(kept == SecretBytes("value"))
  #expect(others.count == 8)
}

@Test func aDetachedValueHasMemoryOfItsOwn() {
  let whole = SecretBytes("0123456789")
  let detached = whole.slice(2..<5).detached()
  #expect(detached == SecretBytes("234"))
  #expect(address(detached) != address(whole.slice(2..<5)))
  #expect(SecretBytes().detached().isEmpty)
}

@Test func textIsOnlyGivenWhereItIsUTF8() {
  #expect(SecretBytes("é😀").unsafeString() == "é😀")
  #expect(SecretBytes().unsafeString() == "")
  #expect(SecretBytes([0x61, 0xff]).unsafeString() == nil)
  #expect(!SecretBytes([0xed, 0xa0, 0x80]).isValidUTF8)
  #expect(SecretBytes("é").isValidUTF8)
}

@Test func everyScalarIsUTF8AndNoCutOfOneIs() {
  for value in Array(UInt32(0)...0x2fff) + [
    0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x3ffff, 0x40000, 0xfffff, 0x10ffff,
  ] {
    guard let scalar = Unicode.Scalar(value) else {
      continue
    }
    let bytes = Array(String(Character(scalar)).utf8)
    #expect(SecretBytes(bytes).isValidUTF8)
    if bytes.count > 1 {
      #expect(!SecretBytes(bytes.dropLast()).isValidUTF8)
      #expect(!SecretBytes(bytes.dropFirst()).isValidUTF8)
    }
  }
}

@Test(
  arguments: [
    ([0x61, 0x80], 1), ([0xc0, 0x80], 0), ([0xc1, 0xbf], 0), ([0xe0, 0x9f, 0xbf], 0), ([0xed, 0xa0, 0x80], 0),
    ([0xf0, 0x8f, 0xbf, 0xbf], 0),
    ([0xf4, 0x90, 0x80, 0x80], 0), ([0xf5, 0x80, 0x80, 0x80], 0), ([0xc3, 0xa9, 0xff], 2), ([0xe2, 0x82], 0),
    ([0xf0, 0x9f, 0x98, 0x22], 0),
    ([0x61, 0x62, 0xe2, 0x28, 0xa1], 2),
  ] as [([UInt8], Int)]) func theFirstByteThatIsNotUTF8IsFound(_ bytes: [UInt8], offset: Int)
{
  #expect(bytes.withUnsafeBytes { UTF8Check.firstInvalid($0) } == offset)
  // No standard decoder disagrees.
  #expect(String(validating: bytes, as: UTF8.self) == nil)
}

func address(_ bytes: SecretBytes) -> UInt? {
  bytes.withUnsafeBytes { $0.baseAddress.map { UInt(bitPattern: $0) } }
}
