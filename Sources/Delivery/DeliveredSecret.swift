import SecretBytes

/// One value on its way to the workload, under the name that the workload knows it by.
public struct DeliveredSecret: Sendable, Equatable {
  /// The variable's name in an environment, the file's name in a files directory.
  public let name: String
  public let value: SecretBytes

  public init(name: String, value: SecretBytes) {
    self.name = name
    self.value = value
  }

  /// True for `[A-Za-z_][A-Za-z0-9_]*` (POSIX, Base Definitions 8.1), at most 253 bytes.
  public static func isEnvironmentName(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= longestName, !isDigit(first) else {
      return false
    }
    return name.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") }
  }

  /// True for what an environment name may be and `.` and `-` besides, digits also first; never a leading dot, at most 253 bytes.
  public static func isFileName(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= longestName, first != UInt8(ascii: ".") else {
      return false
    }
    return !name.contains("..")
      && name.utf8.allSatisfy {
        isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
      }
  }

  static let longestName = 253

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}

extension [DeliveredSecret] {
  /// In the order of the names' bytes, so that the order of a document's entries does not change what is delivered.
  func sortedByName() -> [DeliveredSecret] {
    sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// Names that occur more than once, each once.
  var repeatedNames: [String] {
    var counts: [String: Int] = [:]
    for secret in self {
      counts[secret.name, default: 0] += 1
    }
    return counts.filter { $0.value > 1 }.keys.sorted()
  }
}
