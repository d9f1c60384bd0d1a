import EventLoop
import ExecutionModel
import JSONReader
import Text

/// What a setting may hold, and how it becomes a value of the program: one thing for the reader and for the schema.
public struct SettingKind<Value: Sendable>: Sendable {
  let shape: SettingShape
  /// What the reader asks for, as in "expected true or false".
  let expected: String
  /// The value in words, for the default's text; `nil` where words are the declaration's business.
  let show: @Sendable (Value) -> String?
  /// The value at a path; `nil` after a fault was noted.
  let read: @Sendable (JSONValue, String, inout SettingFaults) -> Value?

  init(
    _ shape: SettingShape, _ expected: String, show: @escaping @Sendable (Value) -> String? = { _ in nil },
    read: @escaping @Sendable (JSONValue, String, inout SettingFaults) -> Value?
  ) {
    self.shape = shape
    self.expected = expected
    self.show = show
    self.read = read
  }

  /// A kind whose one fault is that the value is not what was expected.
  private static func scalar(
    _ shape: SettingShape, _ expected: String, parse: @escaping @Sendable (JSONValue) -> Value?,
    show: @escaping @Sendable (Value) -> String?
  ) -> SettingKind {
    SettingKind(shape, expected, show: show) { value, path, faults in
      guard let parsed = parse(value) else {
        faults.note(path, "expected \(expected)", value)
        return nil
      }
      return parsed
    }
  }

  /// Text of a form of its own.
  ///
  /// - Parameters:
  ///   - expected: the form in words, for faults and for the schema.
  ///   - pattern: the form as a regular expression (ECMA-262) for the schema; it must let through all that `parse` does.
  public static func parsed(
    _ expected: String, pattern: String? = nil, parse: @escaping @Sendable (String) -> Value?,
    show: @escaping @Sendable (Value) -> String? = { _ in nil }
  ) -> SettingKind {
    SettingKind(.text(pattern: pattern, expects: expected), expected, show: show) { value, path, faults in
      if let parsed = value.text.flatMap(parse) {
        return parsed
      }
      // YAML takes digits for a number, and those that begin with a zero for one in octal.
      let digits = value.kind == .number ? value.sourceText.unsafeString() : nil
      let quoted = digits.flatMap { digits in parse(digits).map { show($0) ?? digits } }
      faults.note(path, "expected \(expected)\(quoted.map { "; in quotes: \"\($0)\"" } ?? "")", value)
      return nil
    }
  }

  /// One of some words, each with the value that it stands for.
  public static func choice(_ words: [(word: String, value: Value)]) -> SettingKind where Value: Equatable {
    let names = words.map(\.word)
    return scalar(.choice(names), "one of \(names.joined(separator: ", "))") { value in
      value.text.flatMap { text in words.first { $0.word == text }?.value }
    } show: { value in
      words.first { $0.value == value }?.word
    }
  }

  /// The same in the file, another value in the program; `transform` may refuse what only it can judge.
  public func refined<Refined: Sendable>(
    _ transform: @escaping @Sendable (Value) throws(SettingFault) -> Refined,
    show: @escaping @Sendable (Refined) -> String? = { _ in nil }
  ) -> SettingKind<Refined> {
    let read = read
    return SettingKind<Refined>(shape, expected, show: show) { value, path, faults in
      guard let plain = read(value, path, &faults) else {
        return nil
      }
      do throws(SettingFault) {
        return try transform(plain)
      } catch {
        faults.note(path, error.message, value)
        return nil
      }
    }
  }
}

extension SettingKind where Value == String {
  private static let notEmpty = "a string that is not empty"

  /// One line of text that is not empty.
  public static var text: SettingKind { text(notEmpty) }

  /// The same, called `expected` where something else stands in its place.
  public static func text(_ expected: String) -> SettingKind {
    scalar(.text(pattern: "^[^\\u0000-\\u001f\\u007f]+$", expects: nil), expected) { value in
      value.text.flatMap { $0.isEmpty || $0.utf8.contains(where: isControl) ? nil : $0 }
    } show: {
      $0
    }
  }

  /// An argument of a command: any text but none, and not NUL, which no program can be given.
  public static var argument: SettingKind {
    scalar(.text(pattern: "^[^\\u0000]+$", expects: nil), notEmpty) { value in
      value.text.flatMap { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
    } show: {
      $0
    }
  }

  /// The absolute path of a file or folder, as it is written.
  public static var path: SettingKind {
    parsed(
      "an absolute path without '..'", pattern: "^/(?!(?:.*/)?\\.\\.(?:/|$))[^\\u0000-\\u001f\\u007f]*$"
    ) { text in
      let isPath = text.hasPrefix("/") && !text.pathSegments().contains("..")
      return isPath && !text.utf8.contains(where: isControl) ? text : nil
    } show: {
      $0
    }
  }

  private static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7f }
}

extension SettingKind where Value == Bool {
  public static var flag: SettingKind {
    scalar(.flag, "true or false", parse: { $0.boolean }, show: { "\($0)" })
  }
}

extension SettingKind where Value == Int {
  public static func integer(_ range: ClosedRange<Int64>) -> SettingKind {
    scalar(.integer(range), "a whole number from \(range.lowerBound) to \(range.upperBound)") { value in
      value.int64.flatMap { range.contains($0) ? Int($0) : nil }
    } show: {
      "\($0)"
    }
  }
}

extension SettingKind where Value == GoDuration {
  private static var pattern: String {
    "^\\+?(?:0|(?:(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:ns|us|\u{b5}s|\u{3bc}s|ms|s|m|h))+)$"
  }

  /// A span of time; `nil` as `shortest`: any above zero.
  public static func interval(atLeast shortest: GoDuration? = nil) -> SettingKind {
    let bound = shortest.map { "at least \($0)" } ?? "above zero"
    let least = shortest?.nanoseconds ?? 1
    return parsed("a duration as \"30s\", \(bound)", pattern: pattern) { text in
      (try? GoDuration(parsing: text)).flatMap { $0.nanoseconds >= least ? $0 : nil }
    } show: {
      "\($0)"
    }
  }
}

extension SettingKind where Value == Duration {
  public static func duration(atLeast shortest: Duration) -> SettingKind {
    let least = GoDuration(nanoseconds: shortest.saturatingNanoseconds)
    return SettingKind<GoDuration>.interval(atLeast: least).refined { interval throws(SettingFault) in
      .nanoseconds(interval.nanoseconds)
    } show: { value in
      "\(GoDuration(nanoseconds: value.saturatingNanoseconds))"
    }
  }
}
