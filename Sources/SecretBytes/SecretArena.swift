import CLinux
import Glibc
import Synchronization

/// Hands out secret memory in power-of-two blocks, cut from large mappings made by `linux_secret_map`.
///
/// One page a secret would cost 40 MB for 10,000 of them; blocks from 32 bytes up cost what the values weigh.
/// Blocks over ``largestBlock`` get a mapping of their own, which goes back to the kernel when released.
final class SecretArena: Sendable {
  static let shared = SecretArena()

  static let smallestBlock = 32
  static let largestBlock = 16 * 1024
  static let chunkSize = 64 * 1024

  private struct State {
    /// Addresses of free blocks, by the block's power of two.
    var free: [[UInt]] = Array(repeating: [], count: 15)
    var chunkNext: UInt = 0
    var chunkEnd: UInt = 0
  }

  private let state = Mutex(State())

  /// The returned bytes are zero. Running out of memory ends the process, as it does everywhere in Swift.
  func allocate(_ count: Int) -> UnsafeMutableRawPointer {
    let power = Self.power(for: count)
    guard (1 << power) <= Self.largestBlock else {
      return Self.map(Self.wholePages(count))
    }
    let address = state.withLock { state -> UInt in
      if let recycled = state.free[power].popLast() {
        return recycled
      }
      let size = UInt(1) << UInt(power)
      if state.chunkEnd - state.chunkNext < size {
        // What is left of the old chunk serves the smaller blocks.
        Self.salvage(&state)
        state.chunkNext = UInt(bitPattern: Self.map(Self.chunkSize))
        state.chunkEnd = state.chunkNext + UInt(Self.chunkSize)
      }
      defer { state.chunkNext += size }
      return state.chunkNext
    }
    guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else {
      fatalOutOfMemory()
    }
    return pointer
  }

  /// Overwrites the block and takes it back. `count` is what ``allocate(_:)`` was asked for.
  func release(_ pointer: UnsafeMutableRawPointer, _ count: Int) {
    let power = Self.power(for: count)
    guard (1 << power) <= Self.largestBlock else {
      linux_secret_unmap(pointer, Self.wholePages(count))
      return
    }
    linux_wipe(pointer, 1 << power)
    let address = UInt(bitPattern: pointer)
    state.withLock { $0.free[power].append(address) }
  }

  private static func salvage(_ state: inout State) {
    var next = state.chunkNext
    for power in stride(from: 14, through: 5, by: -1) {
      let size = UInt(1) << UInt(power)
      while state.chunkEnd - next >= size {
        state.free[power].append(next)
        next += size
      }
    }
    state.chunkNext = state.chunkEnd
  }

  private static func power(for count: Int) -> Int {
    let wanted = max(count, smallestBlock)
    return Int.bitWidth - (wanted - 1).leadingZeroBitCount
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
