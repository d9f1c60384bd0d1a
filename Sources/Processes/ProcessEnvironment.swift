import Glibc
import SecretBytes

/// A process's environment, its values kept as secret bytes, since many hold one.
public struct ProcessEnvironment: Sendable {
  /// `NAME=value`, in order.
  private(set) var entries: [SecretBytes]

  /// From entries of the form `NAME=value`.
  public init(entries: [SecretBytes] = []) {
    self.entries = entries
  }

  /// A copy of this process's own environment, byte for byte.
  public static func inherited() -> ProcessEnvironment {
    var entries: [SecretBytes] = []
    var next = environ
    while let entry = next.pointee {
      entries.append(SecretBytes(copying: UnsafeRawBufferPointer(start: entry, count: strlen(entry))))
      next += 1
    }
    return ProcessEnvironment(entries: entries)
  }

  /// The variable's value, or `nil` where it is not set.
  public subscript(name: String) -> SecretBytes? {
    entries.first { Self.entry($0, isOf: name) }.map { $0.slice(name.utf8.count + 1..<$0.count) }
  }

  public mutating func remove(_ name: String) {
    entries.removeAll { Self.entry($0, isOf: name) }
  }

  /// What programs commonly need of whoever starts them, and what holds no secret.
  public static let common = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TERM", "COLORTERM", "PWD", "TMPDIR",
    "XDG_RUNTIME_DIR", "HOSTNAME",
  ]

  /// Removes every variable whose name matches none of `patterns`; a pattern may end in `*`.
  public mutating func keep(_ patterns: [String]) {
    entries.removeAll { entry in
      guard let name = Self.name(of: entry) else {
        return true
      }
      return !patterns.contains { $0.hasSuffix("*") ? name.hasPrefix($0.dropLast()) : name == $0 }
    }
  }

  /// Sets a variable, whatever it was.
  public mutating func set(_ name: String, _ value: SecretBytes) {
    set([(name, value)])
  }

  /// Sets variables, each named once, whatever they were.
  public mutating func set(_ variables: [(name: String, value: SecretBytes)]) {
    let names = Set(variables.map(\.name))
    entries.removeAll { entry in
      Self.name(of: entry).map(names.contains) ?? false
    }
    entries += variables.map { Self.entry($0.name, $0.value) }
  }

  private static func entry(_ name: String, _ value: SecretBytes) -> SecretBytes {
    var entry = SecretBuffer(capacity: name.utf8.count + 1 + value.count)
    entry.append(name)
    entry.append(UInt8(ascii: "="))
    entry.append(value)
    return entry.finish()
  }

  private static func name(of entry: SecretBytes) -> String? {
    entry.withUnsafeBytes { bytes in
      bytes.firstIndex(of: UInt8(ascii: "=")).map { String(decoding: bytes.prefix($0), as: UTF8.self) }
    }
  }

  private static func entry(_ entry: SecretBytes, isOf name: String) -> Bool {
    entry.withUnsafeBytes { $0.starts(with: name.utf8) && $0.dropFirst(name.utf8.count).first == UInt8(ascii: "=") }
  }
}
