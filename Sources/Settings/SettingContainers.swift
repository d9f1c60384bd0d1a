import JSONReader
import Text

extension SettingKind {
  /// A list.
  ///
  /// - Parameters:
  ///   - expected: what stands in it, in words.
  ///   - emptiness: why it may not be empty; `nil` where it may.
  public static func list<Element: Sendable>(
    of element: SettingKind<Element>, _ expected: String = "a list of strings", refusingEmpty emptiness: String? = nil
  ) -> SettingKind where Value == [Element] {
    SettingKind(.list(of: element.shape, mayBeEmpty: emptiness == nil), expected) { value, path, faults in
      guard value.kind == .array else {
        faults.note(path, "expected \(expected)", value)
        return nil
      }
      if let emptiness, value.count == 0 {
        faults.note(path, emptiness, value)
        return nil
      }
      return elements(of: value, path, element, &faults)
    }
  }

  /// A list, or in its place one element by itself, since most lists of that kind have only one.
  public static func listOrOne<Element: Sendable>(
    of element: SettingKind<Element>, named name: String
  ) -> SettingKind where Value == [Element] {
    SettingKind(.listOrOne(of: element.shape, name: name), element.expected) { value, path, faults in
      guard value.kind == .array else {
        return element.read(value, path, &faults).map { [$0] }
      }
      return elements(of: value, path, element, &faults)
    }
  }

  private static func elements<Element>(
    of list: JSONValue, _ path: String, _ element: SettingKind<Element>, _ faults: inout SettingFaults
  ) -> [Element] {
    var read: [Element] = []
    for (index, value) in list.elements.enumerated() {
      guard !faults.isFull else {
        break
      }
      if let one = element.read(value, "\(path)[\(index)]", &faults) {
        read.append(one)
      }
    }
    return read
  }

  /// An object of settings; what it does not say is as in `start`. `nil` is read where anything in it is wrong.
  public static func object(_ object: SettingsObject<Value>, from start: Value) -> SettingKind {
    SettingKind(.object(object.block(defaults: start)), "an object") { value, path, faults in
      var read = start
      let before = faults.count
      object.read(value, path, into: &read, &faults)
      return faults.count == before ? read : nil
    }
  }

  /// An object whose keys are the user's own words.
  ///
  /// - Parameters:
  ///   - keys: what a key may be.
  ///   - expected: the whole in words.
  public static func map<Element: Sendable>(
    of element: SettingKind<Element>, keys: SettingKind<String>, _ expected: String
  ) -> SettingKind where Value == [String: Element] {
    SettingKind(.map(keys: keys.shape, of: element.shape), expected) { value, path, faults in
      guard value.kind == .object else {
        faults.note(path, "expected \(expected)", value)
        return nil
      }
      var read: [String: Element] = [:]
      for member in value.members {
        guard !faults.isFull else {
          break
        }
        let place = "\(path).\(ShownText.clean(member.name.text ?? ""))"
        if let key = keys.read(member.name, place, &faults), let one = element.read(member.value, place, &faults) {
          read[key] = one
        }
      }
      return read
    }
  }

  /// A text that stands for the whole object, or the object.
  public static func either(
    _ text: SettingKind, or object: SettingKind, _ expected: String
  ) -> SettingKind {
    SettingKind(.either(text.shape, or: object.shape), expected) { value, path, faults in
      switch value.kind {
      case .string:
        return text.read(value, path, &faults)
      case .object:
        return object.read(value, path, &faults)
      default:
        faults.note(path, "expected \(expected)", value)
        return nil
      }
    }
  }
}
