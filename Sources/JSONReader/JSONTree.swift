import SecretBytes

/// JSON that is made piece by piece and written at the end: schemas and the like. Not for secrets, which it would copy.
public indirect enum JSONTree: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  case null
  case boolean(Bool)
  case number(Int64)
  case string(String)
  case array([JSONTree])
  /// Members in the order in which they are written.
  case object([Member])

  public struct Member: Sendable, Equatable {
    public let name: String
    public let value: JSONTree

    public init(_ name: String, _ value: JSONTree) {
      self.name = name
      self.value = value
    }
  }

  public init(stringLiteral text: String) { self = .string(text) }
  public init(booleanLiteral flag: Bool) { self = .boolean(flag) }
  public init(integerLiteral number: Int64) { self = .number(number) }
  public init(arrayLiteral elements: JSONTree...) { self = .array(elements) }
  public init(dictionaryLiteral members: (String, JSONTree)...) { self = .object(members.map { Member($0, $1) }) }

  public static func strings(_ texts: [String]) -> JSONTree { .array(texts.map { .string($0) }) }

  /// An object's members with those of `other` behind them; all else stays as it is.
  public func adding(_ other: JSONTree) -> JSONTree {
    guard case .object(let own) = self, case .object(let more) = other else {
      return self
    }
    return .object(own + more)
  }

  /// The text, a member and an element on a line of its own.
  public var pretty: SecretBytes {
    var writer = JSONWriter(pretty: true)
    write(to: &writer)
    return writer.finish()
  }

  private func write(to writer: inout JSONWriter) {
    switch self {
    case .null: writer.null()
    case .boolean(let flag): writer.boolean(flag)
    case .number(let number): writer.number(number)
    case .string(let text): writer.string(text)
    case .array(let elements):
      writer.beginArray()
      for element in elements {
        element.write(to: &writer)
      }
      writer.endArray()
    case .object(let members):
      writer.beginObject()
      for member in members {
        writer.name(member.name)
        member.value.write(to: &writer)
      }
      writer.endObject()
    }
  }
}
