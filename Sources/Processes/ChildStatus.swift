import CLinux
import Glibc

/// How a process ended.
public enum ChildStatus: Sendable, Equatable {
  case exited(Int32)
  case signalled(Int32)
  /// Another part of the program took its status from the kernel.
  case unknown

  /// The status that a shell gives: its own, or 128 and the signal's number; 1 where it is not known.
  public var shellStatus: Int32 {
    switch self {
    case .exited(let code): code
    case .signalled(let number): 128 &+ number
    case .unknown: 1
    }
  }

  /// From what waitpid(2) reports; `nil` for a process that only stopped or went on.
  init?(waitStatus: Int32) {
    var number: Int32 = 0
    if linux_wait_exited(waitStatus, &number) {
      self = .exited(number)
    } else if linux_wait_signalled(waitStatus, &number) {
      self = .signalled(number)
    } else {
      return nil
    }
  }
}
