import CLinux
import EventLoop
import Glibc
import SecretBytes
import Synchronization

/// The reading end of the pipe that a command writes to: keeps the first bytes and reads over the rest, so that the command never waits.
final class CommandOutput: Sendable {
  private struct State: ~Copyable {
    var bytes = SecretBuffer()
    var isCut = false
    var watch: DescriptorWatch?
    var isClosed = false
  }

  static let mostLines = 100
  static let longestLine = 500
  /// More than lines and lengths can use, since a value may be much longer than what replaces it.
  private static let mostBytes = 128 * 1024

  private let descriptor: Int32
  private let state = Mutex(State())

  /// Takes the descriptor over.
  init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  deinit {
    if state.withLock({ !$0.isClosed }) {
      close(descriptor)
    }
  }

  func watch(on loop: EventLoop) throws(EventLoopFault) {
    let watch = try loop.watch(descriptor, .readable) { [weak self] _ in self?.drain() }
    state.withLock { $0.watch = watch }
  }

  /// Reads the last bytes and closes the pipe; a process that the command left behind writes to nobody from now on.
  func finish() -> (bytes: SecretBytes, isCut: Bool) {
    drain()
    return state.withLock { state in
      state.watch?.cancel()
      state.watch = nil
      if !state.isClosed {
        state.isClosed = true
        close(descriptor)
      }
      let bytes = exchange(&state.bytes, with: SecretBuffer())
      return (bytes.finish(), state.isCut)
    }
  }

  /// Reads what is there, but for no longer than a command that never stops writing would like.
  private func drain() {
    state.withLock { state in
      for _ in 0..<16 where !state.isClosed {
        let count = Self.read(descriptor, into: &state)
        if count > 0 || (count < 0 && errno == EINTR) {
          continue
        }
        if count == 0 || errno != EAGAIN {
          // At its end it is ready for ever.
          state.watch?.cancel()
          state.watch = nil
        }
        return
      }
    }
  }

  private static func read(_ descriptor: Int32, into state: inout State) -> Int {
    withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 16) { buffer in
      let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      guard count > 0 else {
        return count
      }
      let kept = min(count, mostBytes - state.bytes.count)
      state.bytes.append(UnsafeRawBufferPointer(rebasing: buffer.prefix(kept)))
      state.isCut = state.isCut || kept < count
      linux_wipe(buffer.baseAddress, count)
      return count
    }
  }

  /// What is kept of it: lines without values, control characters or invalid UTF-8. Empty ones are left out.
  static func lines(_ bytes: SecretBytes, isCut: Bool, _ redaction: OutputRedaction) -> [String] {
    let text = redaction.redact(bytes, isCut: isCut)
    let lines = text.lazy.split { $0 == 0x0a || $0 == 0x0d }.prefix(mostLines)
    return lines.map { line in
      var scalars = String.UnicodeScalarView()
      var size = 0
      for scalar in String(decoding: line, as: UTF8.self).unicodeScalars {
        let isControl = scalar.properties.generalCategory == .control && scalar != "\t"
        let scalar = isControl ? "?" : scalar
        size += UTF8.width(scalar)
        guard size <= longestLine else {
          break
        }
        scalars.append(scalar)
      }
      return String(scalars)
    }
  }
}
