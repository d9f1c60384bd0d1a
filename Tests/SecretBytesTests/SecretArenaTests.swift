import CLinux
import Foundation
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

/// The kernel gives a process 65,530 mappings, and more values may be held. Few enough to leave room to lock for other tests.
@Test func valuesOfSomeKilobytesShareMappings() throws {
  let arena = SecretArena()
  let before = try mappings()
  let blocks = (0..<300).map { _ in arena.allocate(17_000) }
  #expect(try mappings() - before < 150)
  for block in blocks {
    arena.release(block, 17_000)
  }
}

/// Blocks of every size class up to the largest are disjoint, zero, and come back for the same size only.
@Test(arguments: [16_385, 20_480, 20_481, 32_768, 40_000, 131_072, 229_377, 262_144])
func largeBlocksAreCutAndComeBackZero(_ size: Int) {
  let arena = SecretArena()
  let blocks = (0..<10).map { _ in arena.allocate(size) }
  for (number, block) in blocks.enumerated() {
    memset(block, Int32(number + 1), size)
  }
  for (number, block) in blocks.enumerated() {
    #expect(UnsafeRawBufferPointer(start: block, count: size).allSatisfy { $0 == UInt8(number + 1) })
    arena.release(block, size)
  }
  let again = arena.allocate(size)
  #expect(blocks.contains(again))
  #expect(UnsafeRawBufferPointer(start: again, count: size).allSatisfy { $0 == 0 })
  arena.release(again, size)
}

private func mappings() throws -> Int {
  try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n").count
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

/// The line of /proc/self/maps that holds `pointer`. The kernel leaves some out where other threads map and unmap meanwhile.
private func mapping(of pointer: UnsafeMutableRawPointer) throws -> String? {
  for _ in 0..<1000 {
    if let line = try mappingNow(of: pointer) {
      return line
    }
  }
  return nil
}

private func mappingNow(of pointer: UnsafeMutableRawPointer) throws -> String? {
  let address = UInt(bitPattern: pointer)
  return try maps().split(separator: "\n").first { line in
    let bounds = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
    return bounds.count == 2 && (bounds[0]..<bounds[1]).contains(address)
  }.map(String.init)
}

/// To its very end: the kernel gives a page at a time, which others take for the last of a short file.
private func maps() throws -> String {
  let descriptor = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
  try #require(descriptor >= 0)
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var page = [UInt8](repeating: 0, count: 65_536)
  while case let count = read(descriptor, &page, page.count), count > 0 {
    bytes += page.prefix(count)
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// Root's memory is not bounded by RLIMIT_MEMLOCK, over which ordinary memory serves: the other tests may have used that up.
@Test(
  .enabled(if: linux_has_secret_memory(), "this kernel has no memfd_secret(2)"),
  .enabled(if: geteuid() == 0, "RLIMIT_MEMLOCK bounds what a user has of it"), arguments: [32, 100_000])
func plaintextLiesInMemoryThatTheKernelKeepsToTheProcess(_ size: Int) throws {
  let arena = SecretArena()
  let block = arena.allocate(size)
  memset(block, 0x5a, size)
  let line = try mapping(of: block)
  // Over RLIMIT_MEMLOCK there is ordinary memory, which the test's other values may have used up.
  #expect(line?.contains("secretmem") == true, "\(line ?? "no mapping")")
  arena.release(block, size)
}
