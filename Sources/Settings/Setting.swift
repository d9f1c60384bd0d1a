import JSONReader

/// One setting of an object: its key, what it may hold, and the property that it becomes.
///
/// The property is part of the declaration, and nothing else reads the file. So no key is read that is not declared, and none can be
/// declared that is not read.
public struct Setting<Object: Sendable>: Sendable {
  public typealias Place = PartialKeyPath<Object> & Sendable

  let key: String
  let isRequired: Bool
  let expected: String
  let place: Place
  /// The setting as data; the defaults are those of an object.
  let describe: @Sendable (Object) -> SettingShape.Member
  /// Reads a value that is not null into the property.
  let take: @Sendable (JSONValue, String, inout Object, inout SettingFaults) -> Void

  /// - Parameters:
  ///   - required: whether it is a fault that the setting is absent.
  ///   - text: the default in words, where the property's value does not say it.
  ///   - summary: one sentence, for people at their editor.
  public init<Value>(
    _ key: String, _ kind: SettingKind<Value>, _ place: WritableKeyPath<Object, Value> & Sendable,
    required: Bool = false, default text: String? = nil, _ summary: String
  ) {
    self.init(key, kind, place, required: required, summary) {
      text ?? kind.show($0[keyPath: place])
    } write: {
      $0[keyPath: place] = $1
    }
  }

  /// For a property that is `nil` where the setting is absent.
  public init<Value>(
    _ key: String, _ kind: SettingKind<Value>, _ place: WritableKeyPath<Object, Value?> & Sendable,
    required: Bool = false, default text: String? = nil, _ summary: String
  ) {
    self.init(key, kind, place, required: required, summary) {
      text ?? $0[keyPath: place].flatMap(kind.show)
    } write: {
      $0[keyPath: place] = $1
    }
  }

  private init<Value>(
    _ key: String, _ kind: SettingKind<Value>, _ place: Place, required isRequired: Bool, _ summary: String,
    defaultText: @escaping @Sendable (Object) -> String?, write: @escaping @Sendable (inout Object, Value) -> Void
  ) {
    self.key = key
    self.isRequired = isRequired
    self.expected = kind.expected
    self.place = place
    describe = { object in
      SettingShape.Member(
        key: key, summary: summary, defaultText: isRequired ? nil : defaultText(object), isRequired: isRequired,
        shape: kind.shape)
    }
    take = { value, path, object, faults in
      if let read = kind.read(value, path, &faults) {
        write(&object, read)
      }
    }
  }

  /// For a part of the object that has settings of its own: what the file does not say of it stays as it is. With `\.self` the
  /// file groups what the program does not.
  public init<Part>(
    _ key: String, _ part: SettingsObject<Part>, _ place: WritableKeyPath<Object, Part> & Sendable, _ summary: String
  ) {
    self.key = key
    isRequired = false
    expected = "an object"
    self.place = place
    describe = { object in
      SettingShape.Member(
        key: key, summary: summary, defaultText: nil, isRequired: false,
        shape: .object(part.block(defaults: object[keyPath: place])))
    }
    take = { value, path, object, faults in
      part.read(value, path, into: &object[keyPath: place], &faults)
    }
  }
}

/// Lets declarations stand one below the other, each checked by itself.
@resultBuilder
public enum SettingsBuilder<Object: Sendable> {
  public static func buildExpression(_ setting: Setting<Object>) -> Setting<Object> { setting }
  public static func buildBlock(_ settings: Setting<Object>...) -> [Setting<Object>] { settings }
}
