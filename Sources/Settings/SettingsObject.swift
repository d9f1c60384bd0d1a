import ExecutionModel
import JSONReader
import Text

/// The settings of one object of a file, and what they ask of each other.
public struct SettingsObject<Object: Sendable>: Sendable {
  private let settings: [Setting<Object>]
  private let rules: [SettingShape.Rule]
  private let checks: [(key: String, judge: @Sendable (Object) -> String?)]
  private let mistakes: [String]
  private let refusesNull: Bool

  /// - Parameter refusingNull: whether a key without a value is a fault. Else it is as good as absent.
  public init(
    refusingNull refusesNull: Bool = false, rules: [SettingRule<Object>] = [],
    @SettingsBuilder<Object> _ settings: () -> [Setting<Object>]
  ) {
    let settings = settings()
    func key(of place: Setting<Object>.Place) -> String? { settings.first { $0.place == place }?.key }
    self.settings = settings
    self.refusesNull = refusesNull
    self.rules = rules.compactMap { $0.rule { key(of: $0) ?? "" } }
    checks = rules.compactMap { rule in
      if case .check(let place, let judge) = rule.form { (key(of: place) ?? "", judge) } else { nil }
    }
    mistakes =
      settings.enumerated().flatMap { index, setting in
        let earlier = settings[..<index]
        return (earlier.contains { $0.key == setting.key } ? ["\(setting.key) is declared twice"] : [])
          + (earlier.contains { $0.place == setting.place } ? ["\(setting.key) overwrites another setting"] : [])
      }
      + rules.flatMap(\.places).filter { key(of: $0) == nil }.map { "a rule names \($0), which no setting becomes" }
  }

  /// The declaration as data; the defaults are those of `object`.
  func block(defaults object: Object) -> SettingShape.Block {
    let members = settings.map { setting in
      var member = setting.describe(object)
      member.refusesNull = refusesNull
      return member
    }
    return SettingShape.Block(members: members, rules: rules, mistakes: mistakes)
  }

  /// Reads what `value` says into `object`, and notes every fault.
  func read(_ value: JSONValue, _ path: String, into object: inout Object, _ faults: inout SettingFaults) {
    guard value.kind == .object else {
      return faults.note(path, "expected an object of \(faults.noun)s", value)
    }
    var given: [String: JSONValue] = [:]
    for member in value.members {
      guard !faults.isFull, let name = member.name.text else {
        break
      }
      guard let setting = settings.first(where: { $0.key == name }) else {
        let hint = NearestName.hint(for: name, among: settings.map(\.key))
        faults.note(Self.join(path, ShownText.clean(name)), "unknown \(faults.noun)\(hint)", member.name)
        continue
      }
      if !member.value.isNull {
        given[name] = member.value
        setting.take(member.value, Self.join(path, name), &object, &faults)
      } else if refusesNull, !setting.isRequired {
        faults.note(
          Self.join(path, name), "expected \(setting.expected); leave the \(faults.noun) out for its default",
          member.name)
      }
    }
    for setting in settings where setting.isRequired && given[setting.key] == nil {
      faults.note(Self.join(path, setting.key), "required: \(setting.expected)", value)
    }
    for rule in rules {
      if let (key, message) = rule.fault(isGiven: { given[$0] != nil }) {
        faults.note(Self.join(path, key), message, given[key] ?? value)
      }
    }
    for check in checks {
      if let message = check.judge(object) {
        faults.note(Self.join(path, check.key), message, given[check.key] ?? value)
      }
    }
  }

  private static func join(_ path: String, _ key: String) -> String {
    path.isEmpty ? key : key.isEmpty ? path : "\(path).\(key)"
  }
}
