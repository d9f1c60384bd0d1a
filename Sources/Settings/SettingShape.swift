/// What a setting may hold, as data: what the JSON Schema is written from, and what tests walk over. Kinds carry one, so it cannot
/// say anything else than the reader that stands beside it.
package indirect enum SettingShape: Sendable, Equatable {
  /// Text that is not empty. `expects` is what the reader asks of it beyond the pattern.
  case text(pattern: String?, expects: String?)
  case flag
  case integer(ClosedRange<Int64>)
  case choice([String])
  case list(of: SettingShape, mayBeEmpty: Bool)
  /// A list, or one of its elements by itself; `name` is the element's among the schema's definitions.
  case listOrOne(of: SettingShape, name: String)
  case either(SettingShape, or: SettingShape)
  /// An object whose keys are the user's own words, each of the shape `keys`.
  case map(keys: SettingShape, of: SettingShape)
  case object(Block)

  /// The settings of one object.
  package struct Block: Sendable, Equatable {
    package let members: [Member]
    package let rules: [Rule]
    /// What the declaration itself gets wrong, as two settings of one key; empty in a sound one.
    package let mistakes: [String]
  }

  package struct Member: Sendable, Equatable {
    package let key: String
    package let summary: String
    /// What holds where the setting is absent, in words.
    package let defaultText: String?
    package let isRequired: Bool
    package let shape: SettingShape
    /// Whether null is a fault, and not as good as leaving the setting out.
    package var refusesNull = false
  }

  /// What the settings of one object ask of each other, by key. Only whether a setting is given counts.
  package enum Rule: Sendable, Equatable {
    /// Of the object, or only where `condition` is given.
    case exactlyOne([String], where: String?)
    case exclusive(String, String)
    case paired(String, String)
    case needs(String, String)
  }
}
