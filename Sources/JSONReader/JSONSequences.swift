extension JSONValue {
  /// One member of an object.
  public struct Member: Sendable {
    /// A string.
    public let name: JSONValue
    public let value: JSONValue
  }

  /// An object's members in document order, duplicates included; none for other kinds.
  public struct Members: Sequence, IteratorProtocol, Sendable {
    private let tape: JSONTape
    private var index: Int
    private let end: Int

    init(_ object: JSONValue) {
      tape = object.tape
      index = object.index + 2
      end = object.kind == .object ? tape.next(after: object.index) : 0
    }

    public mutating func next() -> Member? {
      guard index < end else {
        return nil
      }
      let member = Member(name: JSONValue(tape, index), value: JSONValue(tape, index + 1))
      index = tape.next(after: index + 1)
      return member
    }
  }

  /// An array's elements in order; none for other kinds.
  public struct Elements: Sequence, IteratorProtocol, Sendable {
    private let tape: JSONTape
    private var index: Int
    private let end: Int

    init(_ array: JSONValue) {
      tape = array.tape
      index = array.index + 2
      end = array.kind == .array ? tape.next(after: array.index) : 0
    }

    public mutating func next() -> JSONValue? {
      guard index < end else {
        return nil
      }
      defer { index = tape.next(after: index) }
      return JSONValue(tape, index)
    }
  }

  /// An object's members in document order, duplicates included; none for other kinds.
  public var members: Members { Members(self) }

  /// An array's elements in order; none for other kinds.
  public var elements: Elements { Elements(self) }
}
