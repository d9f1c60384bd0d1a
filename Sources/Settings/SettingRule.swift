/// What the settings of one object ask of each other. They are named by the properties that they become.
public struct SettingRule<Object: Sendable>: Sendable {
  public typealias Place = Setting<Object>.Place

  enum Form: Sendable {
    case exactlyOne([Place], where: Place?)
    case exclusive(Place, Place)
    case paired(Place, Place)
    case needs(Place, Place)
    case check(Place, @Sendable (Object) -> String?)
  }

  let form: Form

  /// Exactly one is given.
  public static func exactlyOne(of places: [Place]) -> SettingRule {
    SettingRule(form: .exactlyOne(places, where: nil))
  }

  /// Exactly one is given wherever `condition` is.
  public static func exactlyOne(of places: [Place], where condition: Place) -> SettingRule {
    SettingRule(form: .exactlyOne(places, where: condition))
  }

  /// They exclude each other.
  public static func exclusive(_ place: Place, _ other: Place) -> SettingRule {
    SettingRule(form: .exclusive(place, other))
  }

  /// They need each other.
  public static func paired(_ place: Place, _ other: Place) -> SettingRule {
    SettingRule(form: .paired(place, other))
  }

  /// The first makes sense only beside the second.
  public static func needs(_ place: Place, _ other: Place) -> SettingRule {
    SettingRule(form: .needs(place, other))
  }

  /// What only the program can judge, from the values; the schema says nothing of it. `nil`: no fault.
  public static func check(
    at place: Place, _ judge: @escaping @Sendable (Object) -> String?
  ) -> SettingRule {
    SettingRule(form: .check(place, judge))
  }

  var places: [Place] {
    switch form {
    case .exactlyOne(let places, let condition): places + (condition.map { [$0] } ?? [])
    case .exclusive(let place, let other), .paired(let place, let other), .needs(let place, let other): [place, other]
    case .check(let place, _): [place]
    }
  }

  /// The rule by keys; `nil` for a check.
  func rule(_ key: (Place) -> String) -> SettingShape.Rule? {
    switch form {
    case .exactlyOne(let places, let condition): .exactlyOne(places.map(key), where: condition.map(key))
    case .exclusive(let place, let other): .exclusive(key(place), key(other))
    case .paired(let place, let other): .paired(key(place), key(other))
    case .needs(let place, let other): .needs(key(place), key(other))
    case .check: nil
    }
  }
}

extension SettingShape.Rule {
  /// What is wrong, and at which key (the object's own place where that is empty).
  func fault(isGiven: (String) -> Bool) -> (key: String, message: String)? {
    switch self {
    case .exactlyOne(let keys, let condition):
      guard condition.map(isGiven) ?? true, keys.count(where: isGiven) != 1 else {
        return nil
      }
      let list = keys.joined(separator: ", ")
      return condition.map { ($0, "needs exactly one of \(list)") } ?? ("", "give exactly one of \(list)")
    case .exclusive(let key, let other):
      return isGiven(key) && isGiven(other) ? (key, "\(key) and \(other) exclude each other; keep one") : nil
    case .paired(let key, let other):
      return isGiven(key) == isGiven(other)
        ? nil : (isGiven(key) ? other : key, "\(key) and \(other) need each other; give both or neither")
    case .needs(let key, let other):
      return isGiven(key) && !isGiven(other) ? (key, "needs \(other); give both, or leave this out") : nil
    }
  }
}
