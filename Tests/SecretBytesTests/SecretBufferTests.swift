import Testing

@testable import SecretBytes

@Test func aBufferGrowsByBytes() {
  var buffer = SecretBuffer()
  for index in 0..<100_000 {
    buffer.append(UInt8(truncatingIfNeeded: index))
    #expect(buffer.count == index + 1)
  }
  let bytes = buffer.finish()
  #expect(bytes.count == 100_000)
  #expect(bytes.withUnsafeBytes { $0.enumerated().allSatisfy { $1 == UInt8(truncatingIfNeeded: $0) } })
}

@Test func aBufferGrowsByPiecesOfEverySize() {
  for capacity in [0, 1, 31, 32, 33, 16_384] {
    var buffer = SecretBuffer(capacity: capacity)
    var expected: [UInt8] = []
    for size in [0, 1, 2, 30, 31, 32, 33, 1000, 16_383, 16_384, 16_385, 70_000] {
      let piece = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
      buffer.append(SecretBytes(piece))
      expected += piece
    }
    buffer.append("é" as StaticString)
    buffer.append(String("ü"))
    expected += Array("éü".utf8)
    #expect(buffer.finish() == SecretBytes(expected))
  }
}

@Test func anEmptyBufferIsNoBytes() {
  #expect(SecretBuffer().finish().isEmpty)
  #expect(SecretBuffer(capacity: 100).finish().isEmpty)
  #expect(SecretBuffer(capacity: 0).finish() == SecretBytes())
  #expect(SecretBuffer(capacity: -1).finish() == SecretBytes())
}

@Test func finishingCopiesNothing() {
  var buffer = SecretBuffer(capacity: 64)
  buffer.append("text" as StaticString)
  let bytes = buffer.finish()
  #expect(bytes.storage?.capacity == 64)
}
