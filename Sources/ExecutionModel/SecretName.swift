import Text

/// The grammar of secrets' names.
public enum SecretName {
  /// Longest name, in bytes.
  public static let longest = 253

  /// `[A-Za-z_][A-Za-z0-9_]*`: what a shell accepts as a variable.
  public static func isEnvironmentName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !first.isDigit else {
      return false
    }
    return name.utf8.allSatisfy { $0.isAlphanumeric || $0 == UInt8(ascii: "_") }
  }

  /// An environment name's characters, `.` and `-`; no leading dot, so neither `.` nor `..`.
  public static func isFileName(_ name: String) -> Bool {
    guard let first = name.utf8.first, first != UInt8(ascii: ".") else {
      return false
    }
    return name.utf8.allSatisfy {
      $0.isAlphanumeric || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
    }
  }
}
