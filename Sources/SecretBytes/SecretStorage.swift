import CLinux
import Glibc

/// Owns one buffer of plaintext and overwrites it when the last holder lets go.
///
/// Small values live in the ``SecretArena`` (memory that neither a core dump nor, where the kernel has
/// `memfd_secret(2)`, another process can read); a buffer that C code filled is adopted where it lies, so that no
/// copy is made, and is overwritten before it is freed.
// Immutable after `init`: the bytes are written before the first reference is shared, and never again.
final class SecretStorage: @unchecked Sendable {
  enum Origin {
    case arena
    case malloc
  }

  let pointer: UnsafeMutableRawPointer
  let capacity: Int
  private let origin: Origin

  /// Takes `capacity` bytes of secret memory, zeroed.
  init(capacity: Int) {
    self.pointer = SecretArena.shared.allocate(capacity)
    self.capacity = capacity
    self.origin = .arena
  }

  /// Adopts a buffer from `malloc`, which this object frees.
  init(adopting pointer: UnsafeMutableRawPointer, capacity: Int) {
    self.pointer = pointer
    self.capacity = capacity
    self.origin = .malloc
  }

  deinit {
    switch origin {
    case .arena:
      SecretArena.shared.release(pointer, capacity)
    case .malloc:
      linux_wipe(pointer, capacity)
      free(pointer)
    }
  }
}
