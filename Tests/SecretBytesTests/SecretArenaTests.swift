import Glibc
import Testing

@testable import SecretBytes

/// An arena of its own for each test: no other test takes its blocks.
@Test(arguments: [1, 32, 33, 100, 4096, 16_384]) func aReleasedBlockIsZeroWhenHandedOutAgain(_ size: Int) {
  let arena = SecretArena()
  let first = arena.allocate(size)
  memset(first, 0x5a, size)
  arena.release(first, size)
  let second = arena.allocate(size)
  #expect(second == first)
  #expect(UnsafeRawBufferPointer(start: second, count: size).allSatisfy { $0 == 0 })
  arena.release(second, size)
}

@Test func theWholeBlockIsWipedNotOnlyWhatWasAskedFor() {
  let arena = SecretArena()
  let first = arena.allocate(40)
  memset(first, 0x5a, 64)
  arena.release(first, 40)
  let second = arena.allocate(64)
  #expect(second == first)
  #expect(UnsafeRawBufferPointer(start: second, count: 64).allSatisfy { $0 == 0 })
}

@Test func blocksDoNotOverlap() {
  let arena = SecretArena()
  var blocks: [(pointer: UnsafeMutableRawPointer, size: Int, mark: UInt8)] = []
  var random = SystemRandomNumberGenerator()
  for round in 0..<4000 {
    if blocks.count > 100, let index = blocks.indices.randomElement(using: &random) {
      let block = blocks.remove(at: index)
      #expect(UnsafeRawBufferPointer(start: block.pointer, count: block.size).allSatisfy { $0 == block.mark })
      arena.release(block.pointer, block.size)
    }
    let size = Int.random(in: 1...(round % 50 == 0 ? 60_000 : 3000), using: &random)
    let mark = UInt8.random(in: 1...255, using: &random)
    let pointer = arena.allocate(size)
    #expect(UnsafeRawBufferPointer(start: pointer, count: size).allSatisfy { $0 == 0 })
    memset(pointer, Int32(mark), size)
    blocks.append((pointer, size, mark))
  }
  for block in blocks {
    #expect(UnsafeRawBufferPointer(start: block.pointer, count: block.size).allSatisfy { $0 == block.mark })
    arena.release(block.pointer, block.size)
  }
}

@Test func largeBlocksAreMappedZeroed() {
  let arena = SecretArena()
  let size = SecretArena.largestBlock + 1
  let pointer = arena.allocate(size)
  #expect(UnsafeRawBufferPointer(start: pointer, count: size).allSatisfy { $0 == 0 })
  memset(pointer, 1, size)
  arena.release(pointer, size)
}

@Test func aDroppedSecretLeavesItsBlockZero() {
  // The shared arena hands out the block released last; other tests run beside this one, so only a block that comes back counts.
  for _ in 0..<200 {
    let before = SecretBytes([UInt8](repeating: 0x5a, count: 700)).withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    let storage = SecretStorage(capacity: 700)
    if UInt(bitPattern: storage.pointer) == before {
      #expect(UnsafeRawBufferPointer(start: storage.pointer, count: 700).allSatisfy { $0 == 0 })
      return
    }
  }
  Issue.record("no block came back")
}

@Test func adoptedMemoryIsOwned() throws {
  let pointer = try #require(malloc(64))
  memset(pointer, 0x41, 64)
  let bytes = SecretBytes(adoptingMalloc: pointer, count: 3, capacity: 64)
  #expect(bytes == SecretBytes("AAA"))
  #expect(bytes.slice(0..<64).count == 3)
}
