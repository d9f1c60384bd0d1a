import Glibc
import Masking
import SecretBytes

/// Passes on what a child writes, with values masked, until it has ended. It waits for whoever reads, as the child would, so it has a
/// thread of its own.
struct OutputRelay: Sendable {
  /// The end to read of the child's pipe, which does not block. The relay closes it.
  let source: Int32
  /// Readable once the child has ended.
  let ending: Int32
  let destination: Int32
  let values: MaskedValues

  private static let piece = 64 * 1024
  /// How long nothing comes until what is held, and is less than four bytes of a value, is given out, in milliseconds: a prompt waits
  /// for an answer.
  private static let pause: Int32 = 50
  /// What is still read once the child has ended: what a pipe holds, and no more from those that it left running.
  private static let lastPieces = 16

  /// - Returns: the `errno` of what was not written; `nil`: all of it was.
  func run() -> Int32? {
    defer { close(source) }
    var text = MaskedText(hiding: values)
    var isPaused = true
    var piecesLeft: Int?
    while piecesLeft != 0 {
      var files = [
        pollfd(fd: source, events: Int16(POLLIN), revents: 0), pollfd(fd: ending, events: Int16(POLLIN), revents: 0),
      ]
      let isOver = piecesLeft != nil
      let ready = poll(&files, isOver ? 1 : 2, isOver ? 0 : isPaused ? -1 : Self.pause)
      if ready < 0, errno == EINTR {
        continue
      }
      guard ready > 0 else {
        if isOver || ready < 0 {
          break
        }
        isPaused = true
        if let code = write(text.pause()) {
          return code
        }
        continue
      }
      if files[1].revents != 0 {
        piecesLeft = piecesLeft ?? Self.lastPieces
      }
      guard files[0].revents != 0 else {
        continue
      }
      guard let piece = read() else {
        break
      }
      piecesLeft = piecesLeft.map { $0 - 1 }
      isPaused = false
      if let code = write(text.take(piece)) {
        return code
      }
    }
    return write(text.finish())
  }

  /// Nothing where there is nothing yet; `nil` at the end.
  private func read() -> SecretBytes? {
    var buffer = SecretBuffer(capacity: Self.piece)
    let count = buffer.fill(atMost: Self.piece) { Glibc.read(source, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR || errno == EAGAIN {
      return SecretBytes()
    }
    return count > 0 ? buffer.finish() : nil
  }

  /// - Returns: `nil`, or the `errno` of what was not written.
  private func write(_ bytes: SecretBytes) -> Int32? {
    bytes.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let part = UnsafeRawBufferPointer(rebasing: rest)
        let count = Glibc.write(destination, part.baseAddress, part.count)
        if count >= 0 {
          rest = rest.dropFirst(count)
        } else if errno == EAGAIN {
          // Whoever opened it did so for others.
          var file = pollfd(fd: destination, events: Int16(POLLOUT), revents: 0)
          _ = poll(&file, 1, -1)
        } else if errno != EINTR {
          return errno
        }
      }
      return nil
    }
  }
}
