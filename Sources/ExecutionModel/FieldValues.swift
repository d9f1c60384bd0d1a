import SecretBytes
import Text

/// The validated values of one block, by dotted field name (`tls.ca_cert`).
public struct FieldValues: Sendable, Hashable {
  public enum Value: Sendable, Hashable {
    case text(String)
    case address(HTTPURL)
    case credential(SecretBytes)
    case integer(Int64)
    case boolean(Bool)
    /// Nanoseconds.
    case duration(Int64)
  }

  private var values: [String: Value] = [:]

  public init() {}

  public subscript(name: String) -> Value? {
    get { values[name] }
    set { values[name] = newValue }
  }

  /// The names present, in no order.
  public var names: some Collection<String> { values.keys }

  func text(_ name: String) -> String? {
    if case .text(let text) = values[name] { text } else { nil }
  }

  func integer(_ name: String) -> Int64? {
    if case .integer(let number) = values[name] { number } else { nil }
  }

  /// Names and values in the order of their names, credentials left out: for plans and logs.
  public var shown: [(name: String, value: String)] {
    values.keys.sorted().map { name in
      switch values[name] {
      case .text(let text): (name, text)
      case .address(let url): (name, url.path == "/" ? url.origin : url.description)
      case .integer(let number): (name, String(number))
      case .boolean(let flag): (name, flag ? "true" : "false")
      case .duration(let nanoseconds): (name, GoDuration(nanoseconds: nanoseconds).description)
      case .credential, nil: (name, "<redacted>")
      }
    }
  }
}
