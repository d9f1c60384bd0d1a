import Glibc

/// Reads a descriptor straight into secret memory.
public enum FileRead {
  public enum Fault: Error, Sendable, Equatable {
    case tooLarge
    /// `errno` of read(2).
    case failed(Int32)
  }

  /// Appends everything up to the end of the file. More than `limit` bytes in all is a fault.
  public static func all(of descriptor: Int32, into buffer: inout SecretBuffer, limit: Int) -> Fault? {
    while true {
      let got = buffer.fill(atMost: 64 * 1024) { read(descriptor, $0.baseAddress, $0.count) }
      if got == 0 {
        return nil
      }
      if got < 0 {
        if errno == EINTR {
          continue
        }
        return .failed(errno)
      }
      guard buffer.count <= limit else {
        return .tooLarge
      }
    }
  }
}

extension SecretBuffer {
  /// Lets `body` write into free room behind the bytes; it returns how many it wrote, or a negative number.
  public mutating func fill(atMost count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
    let room = room(for: count)
    let written = body(room)
    advance(by: min(max(written, 0), room.count))
    return written
  }
}
