import CLinux
import Glibc
import Synchronization

/// Hands out secret memory in blocks cut from large mappings made by `linux_secret_map`.
///
/// One page a secret would cost 40 MB for 10,000 of them, and one mapping a value would meet the kernel's limit of 65,530: blocks of
/// 32 bytes up to ``largestBlock`` cost what the values weigh, to the next power of two, large ones to the next quarter of it.
/// Larger ones get a mapping of their own, which goes back to the kernel when released.
final class SecretArena: Sendable {
  static let shared = SecretArena()

  static let smallestBlock = 32
  static let largestBlock = 256 * 1024
  /// Blocks up to this size are cut from the small chunks.
  private static let largestSmallBlock = 16 * 1024
  private static let smallChunk = 64 * 1024
  private static let largeChunk = 1024 * 1024

  /// What is left of the mapping that blocks are cut from.
  private struct Chunk {
    var next: UInt = 0
    var end: UInt = 0
    var left: Int { Int(end - next) }
  }

  private struct State {
    /// Addresses of free blocks, by size.
    var free: [Int: [UInt]] = [:]
    var small = Chunk()
    var large = Chunk()
  }

  private let state = Mutex(State())

  /// The returned bytes are zero. Running out of memory ends the process, as it does everywhere in Swift.
  func allocate(_ count: Int) -> UnsafeMutableRawPointer {
    let size = Self.block(for: count)
    guard size <= Self.largestBlock else {
      return Self.map(Self.wholePages(count))
    }
    let address = state.withLock { state -> UInt in
      if let recycled = state.free[size]?.popLast() {
        return recycled
      }
      return size <= Self.largestSmallBlock
        ? Self.cut(size, &state.small, Self.smallChunk, &state.free)
        : Self.cut(size, &state.large, Self.largeChunk, &state.free)
    }
    guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else {
      fatalOutOfMemory()
    }
    return pointer
  }

  /// Overwrites the block and takes it back. `count` is what ``allocate(_:)`` was asked for.
  func release(_ pointer: UnsafeMutableRawPointer, _ count: Int) {
    let size = Self.block(for: count)
    guard size <= Self.largestBlock else {
      linux_secret_unmap(pointer, Self.wholePages(count))
      return
    }
    linux_wipe(pointer, size)
    let address = UInt(bitPattern: pointer)
    state.withLock { $0.free[size, default: []].append(address) }
  }

  private static func cut(_ size: Int, _ chunk: inout Chunk, _ chunkSize: Int, _ free: inout [Int: [UInt]]) -> UInt {
    if chunk.left < size {
      // What is left of the old chunk serves smaller blocks.
      while chunk.left >= smallestBlock {
        let piece = largestBlock(within: chunk.left)
        free[piece, default: []].append(chunk.next)
        chunk.next += UInt(piece)
      }
      chunk.next = UInt(bitPattern: map(chunkSize))
      chunk.end = chunk.next + UInt(chunkSize)
    }
    defer { chunk.next += UInt(size) }
    return chunk.next
  }

  /// The size of the block that holds `count` bytes.
  private static func block(for count: Int) -> Int {
    let wanted = max(count, smallestBlock)
    guard wanted <= largestBlock else {
      return wanted
    }
    let power = 1 << (Int.bitWidth - (wanted - 1).leadingZeroBitCount)
    guard wanted > largestSmallBlock else {
      return power
    }
    let quarter = power / 8
    return (wanted + quarter - 1) / quarter * quarter
  }

  /// The largest size of a block that fits into `room`, which is at least ``smallestBlock``.
  private static func largestBlock(within room: Int) -> Int {
    1 << (Int.bitWidth - 1 - min(room, largestBlock).leadingZeroBitCount)
  }

  private static func wholePages(_ count: Int) -> Int {
    let page = 4096
    return (count + page - 1) / page * page
  }

  private static func map(_ count: Int) -> UnsafeMutableRawPointer {
    guard let pointer = linux_secret_map(count) else {
      fatalOutOfMemory()
    }
    return pointer
  }
}

private func fatalOutOfMemory() -> Never {
  _ = "secrets-agent: out of memory\n".withCString { write(2, $0, strlen($0)) }
  abort()
}
