import ExecutionModel
import JSONReader

/// One object of the configuration file while it is read: gives typed values, and gathers every fault with its path and line.
///
/// Keys that were not asked for are unknown and refused: a misspelt setting must not silently be its default.
final class ConfigurationBlock {
  private let value: JSONValue
  private let path: String
  private let faults: ConfigurationFaults
  private var known: [String] = []

  init?(_ value: JSONValue, _ path: String, _ faults: ConfigurationFaults) {
    guard value.kind == .object else {
      faults.note(path, "expected an object of settings", value)
      return nil
    }
    self.value = value
    self.path = path
    self.faults = faults
  }

  private func join(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// The member `key`; `nil` where it is absent or null.
  private func take(_ key: String) -> JSONValue? {
    known.append(key)
    guard let member = value.member(key), !member.isNull else {
      return nil
    }
    return member
  }

  func fault(_ key: String, _ message: String) {
    faults.note(key.isEmpty ? path : join(key), message, value.member(key) ?? value)
  }

  func text(_ key: String) -> String? {
    guard let member = take(key) else {
      return nil
    }
    guard let text = member.text, !text.isEmpty, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
      faults.note(join(key), "expected a string that is not empty", member)
      return nil
    }
    return text
  }

  func requiredText(_ key: String) -> String? {
    if value.member(key).map(\.isNull) ?? true {
      known.append(key)
      faults.note(join(key), "required", value)
      return nil
    }
    return text(key)
  }

  func path(_ key: String) -> String? {
    guard let text = text(key) else {
      return nil
    }
    guard text.hasPrefix("/"), !text.split(separator: "/").contains("..") else {
      fault(key, "expected an absolute path without '..'")
      return nil
    }
    return text
  }

  func flag(_ key: String) -> Bool? {
    guard let member = take(key) else {
      return nil
    }
    guard let flag = member.boolean else {
      faults.note(join(key), "expected true or false", member)
      return nil
    }
    return flag
  }

  func integer(_ key: String, _ range: ClosedRange<Int64>) -> Int? {
    guard let member = take(key) else {
      return nil
    }
    guard let number = member.int64, range.contains(number) else {
      faults.note(join(key), "expected a whole number from \(range.lowerBound) to \(range.upperBound)", member)
      return nil
    }
    return Int(number)
  }

  func duration(_ key: String, atLeast shortest: Duration) -> Duration? {
    guard let member = take(key) else {
      return nil
    }
    guard let text = member.text, let interval = try? RefreshInterval(parsing: text),
      .nanoseconds(interval.nanoseconds) >= shortest
    else {
      let least = RefreshInterval(nanoseconds: shortest.saturatingNanoseconds)
      faults.note(join(key), "expected a duration as \"30s\", at least \(least)", member)
      return nil
    }
    return .nanoseconds(interval.nanoseconds)
  }

  func texts(_ key: String) -> [String]? {
    guard let member = take(key) else {
      return nil
    }
    guard member.kind == .array else {
      faults.note(join(key), "expected a list of strings", member)
      return nil
    }
    return member.elements.enumerated().compactMap { index, element in
      guard let text = element.text, !text.isEmpty, !text.utf8.contains(0) else {
        faults.note("\(join(key))[\(index)]", "expected a string that is not empty", element)
        return nil
      }
      return text
    }
  }

  func block(_ key: String) -> ConfigurationBlock? {
    take(key).flatMap { ConfigurationBlock($0, join(key), faults) }
  }

  /// A list of objects; a single object counts as a list of one.
  func blocks(_ key: String) -> [ConfigurationBlock] {
    guard let member = take(key) else {
      return []
    }
    guard member.kind == .array else {
      return ConfigurationBlock(member, join(key), faults).map { [$0] } ?? []
    }
    return member.elements.enumerated().compactMap { index, element in
      ConfigurationBlock(element, "\(join(key))[\(index)]", faults)
    }
  }

  /// Refuses what nobody asked for; to be called when all of the block was read.
  func finish() {
    for member in value.members {
      guard let name = member.name.text, !known.contains(name) else {
        continue
      }
      let shown = DocumentPath.shown(name)
      faults.note(join(shown), "unknown setting\(NearestName.hint(for: name, among: known))", member.name)
    }
  }
}

/// The faults of one configuration file.
final class ConfigurationFaults {
  private(set) var faults: [DocumentFault] = []

  func note(_ path: String, _ message: String, _ value: JSONValue) {
    faults.append(DocumentFault(path, message, at: value.position))
  }
}
