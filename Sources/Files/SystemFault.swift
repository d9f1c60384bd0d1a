import CLinux
import Glibc

/// A system call that failed.
public struct SystemFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// What could not be done, as in `cannot write the temporary file`.
  public let action: String
  /// `errno`.
  public let code: Int32

  public init(_ action: String, _ code: Int32 = errno) {
    self.action = action
    self.code = code
  }

  public var description: String { "\(action): \(Self.text(of: code))" }

  /// `No space left on device (ENOSPC)`.
  public static func text(of code: Int32) -> String {
    guard let text = linux_error_text(code), let name = linux_error_name(code) else {
      return "error \(code)"
    }
    return "\(String(cString: text)) (\(String(cString: name)))"
  }
}

extension String {
  /// A path for a message: on one line, whatever it holds.
  public var asShownPath: String {
    var shown = ""
    for scalar in unicodeScalars.prefix(1024) {
      shown += scalar.value < 0x20 || scalar.value == 0x7f ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return shown.isEmpty ? "\"\"" : shown
  }
}
