import SecretBytes

/// Writes JSON (RFC 8259) into secret memory; commas and colons come by themselves.
///
/// The caller keeps to the grammar: a name before each value of an object, one value at the top, all that was begun ended. The
/// writer never traps where it is not kept to, but what it writes then is not JSON. Strings should be UTF-8; a byte that is
/// not part of a well-formed sequence is written as `\ufffd`.
public struct JSONWriter: ~Copyable {
  private var text = SecretBuffer()
  private let isPretty: Bool
  /// Whether something stands already in each open array or object.
  private var filled: ContiguousArray<Bool> = []
  private var followsName = false

  /// Compact JSON; with `pretty`, each member and element on a line of its own, indented by two spaces a level.
  public init(pretty: Bool = false) {
    isPretty = pretty
  }

  public mutating func beginObject() { begin("{") }
  public mutating func endObject() { end("}") }
  public mutating func beginArray() { begin("[") }
  public mutating func endArray() { end("]") }

  /// The name of the member whose value is written next.
  public mutating func name(_ name: String) {
    string(name)
    endName()
  }

  public mutating func name(_ name: SecretBytes) {
    string(name)
    endName()
  }

  public mutating func string(_ string: String) {
    var string = string
    separate()
    string.withUTF8 { JSONQuoting.append(UnsafeRawBufferPointer($0), to: &text) }
  }

  public mutating func string(_ string: SecretBytes) {
    separate()
    string.withUnsafeBytes { JSONQuoting.append($0, to: &text) }
  }

  public mutating func number(_ number: Int64) {
    separate()
    text.append(String(number))
  }

  public mutating func boolean(_ boolean: Bool) {
    separate()
    text.append(boolean ? "true" : "false" as StaticString)
  }

  public mutating func null() {
    separate()
    text.append("null" as StaticString)
  }

  public mutating func member(_ name: String, _ string: String) {
    self.name(name)
    self.string(string)
  }

  public mutating func member(_ name: String, _ string: SecretBytes) {
    self.name(name)
    self.string(string)
  }

  public mutating func member(_ name: String, _ number: Int64) {
    self.name(name)
    self.number(number)
  }

  public mutating func member(_ name: String, _ boolean: Bool) {
    self.name(name)
    self.boolean(boolean)
  }

  /// A whole value as it is, such as ``JSONValue/sourceText``; it must be JSON.
  public mutating func raw(_ json: SecretBytes) {
    separate()
    text.append(json)
  }

  /// What was written, without another copy.
  public consuming func finish() -> SecretBytes {
    text.finish()
  }

  private mutating func begin(_ bracket: StaticString) {
    separate()
    text.append(bracket)
    filled.append(false)
  }

  private mutating func end(_ bracket: StaticString) {
    if filled.popLast() == true {
      breakLine()
    }
    text.append(bracket)
  }

  private mutating func endName() {
    text.append(isPretty ? ": " : ":" as StaticString)
    followsName = true
  }

  /// Before a name or value: the comma and the line break that it needs.
  private mutating func separate() {
    if followsName {
      followsName = false
      return
    }
    guard let isFilled = filled.popLast() else {
      return
    }
    if isFilled {
      text.append("," as StaticString)
    }
    filled.append(true)
    breakLine()
  }

  private mutating func breakLine() {
    guard isPretty else {
      return
    }
    text.append("\n" as StaticString)
    for _ in filled {
      text.append("  " as StaticString)
    }
  }
}
