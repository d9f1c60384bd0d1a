import JSONReader
import SecretBytes
import Text

/// Why a value is none of its field's kind; the value itself is not repeated.
struct ValueFault: Error {
  let message: String
  /// A word that is none of ``names``, though it may be meant for one.
  let misspelt: String?
  let names: [String]

  init(_ message: String, misspelt: String? = nil, of names: [String] = []) {
    self.message = message
    self.misspelt = misspelt
    self.names = names
  }
}

/// Turns one value of a document into what its field holds.
enum FieldDecoder {
  /// Linux's `PATH_MAX`, without its terminator.
  private static let longestPath = 4095

  static func decode(
    _ value: JSONValue, as kind: FieldDescriptor.Kind
  ) throws(ValueFault) -> FieldValues.Value {
    switch kind {
    case .integer(let range):
      guard let number = value.int64 else {
        throw ValueFault("expected a whole number, found \(found(value))")
      }
      guard range.contains(number) else {
        throw ValueFault("out of range; \(words(range))")
      }
      return .integer(number)
    case .boolean:
      guard let flag = value.boolean else {
        throw ValueFault("expected true or false, found \(found(value))")
      }
      return .boolean(flag)
    case .duration:
      return .duration(try duration(value))
    case .credential:
      guard let secret = value.secret, !secret.isEmpty else {
        throw ValueFault("expected a string, found \(found(value))")
      }
      // Pasted with the end of its line, as files have it, which are trimmed too.
      let credential = secret.trimmed
      guard !credential.isEmpty else {
        throw ValueFault("must not be empty")
      }
      guard credential.withUnsafeBytes({ $0.allSatisfy { !$0.isControl } }) else {
        throw ValueFault("must not contain control characters")
      }
      return .credential(credential.detached())
    case .pem:
      return try pem(value)
    case .address, .origin:
      return .address(try address(try controlled(value), isOrigin: kind == .origin))
    case .version(let form) where value.kind == .number:
      return .text(try checked(value.sourceText.unsafeString() ?? "", form.grammar))
    case .text, .grammar, .version, .choice, .file, .identityFile, .environmentVariable, .audience, .remotePath,
      .object:
      return .text(try text(try controlled(value, isRemotePath: kind == .remotePath), kind))
    }
  }

  private static func found(_ value: JSONValue) -> String {
    value.kind == .number && value.int64 == nil ? "a number that is not whole, or too large" : value.kind.phrase
  }

  private static func pem(_ value: JSONValue) throws(ValueFault) -> FieldValues.Value {
    guard let secret = value.secret, let text = value.text else {
      throw ValueFault("expected a string, found \(found(value))")
    }
    guard text.hasPrefix("/") || text.hasPrefix("-----BEGIN ") else {
      throw ValueFault("expected the absolute path of a PEM file, or PEM text")
    }
    return text.hasPrefix("/") ? .text(text) : .credential(secret.detached())
  }

  /// Nanoseconds.
  private static func duration(_ value: JSONValue) throws(ValueFault) -> Int64 {
    if value.kind == .number {
      guard let nanoseconds = value.int64 else {
        throw ValueFault("expected whole nanoseconds within 64 bits, or a string as \"30m\"")
      }
      guard nanoseconds >= 0 else {
        throw ValueFault("must not be negative")
      }
      return nanoseconds
    }
    guard let text = value.text else {
      throw ValueFault("expected a duration as \"30m\" or nanoseconds, found \(found(value))")
    }
    do throws(GoDuration.ParseFault) {
      return try GoDuration(parsing: text).nanoseconds
    } catch {
      switch error {
      case .negative: throw ValueFault("must not be negative")
      case .tooLong: throw ValueFault("longer than 292 years")
      case .empty, .malformed: throw ValueFault("not a duration; write it as \"90s\", \"30m\" or \"1h30m\"")
      }
    }
  }

  /// The text of a string, which is not empty and cannot steer a terminal.
  private static func controlled(_ value: JSONValue, isRemotePath: Bool = false) throws(ValueFault) -> String {
    guard var text = value.text else {
      throw ValueFault("expected a string, found \(found(value))")
    }
    if isRemotePath {
      // Stores print mounts and namespaces with a slash at the end, and people copy them.
      text = String(text.drop { $0 == "/" })
      while text.hasSuffix("/") {
        text.removeLast()
      }
    }
    guard !text.isEmpty else {
      throw ValueFault("must not be empty")
    }
    guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
      throw ValueFault("must not contain control characters")
    }
    return text
  }

  private static func text(_ text: String, _ kind: FieldDescriptor.Kind) throws(ValueFault) -> String {
    switch kind {
    case .grammar(let grammar):
      return try checked(text, grammar)
    case .version(let form):
      return try checked(text, form.grammar)
    case .choice(let choices) where !choices.contains(text):
      throw ValueFault("expected one of \(choices.joined(separator: ", "))", misspelt: text, of: choices)
    case .file, .identityFile:
      guard text.hasPrefix("/") else {
        throw ValueFault("expected an absolute path")
      }
      guard !text.hasSuffix("/"), text.utf8.count <= longestPath else {
        throw ValueFault("expected the path of a file, of at most \(longestPath) bytes")
      }
    case .environmentVariable where !SecretName.isEnvironmentName(text):
      throw ValueFault("not the name of an environment variable")
    case .remotePath where text.pathSegments(keepingEmpty: true).contains(where: isNoSegment):
      throw ValueFault("must be segments separated by single '/', none of them '.' or '..'")
    default:
      break
    }
    return text
  }

  private static func checked(_ text: String, _ grammar: TextGrammar) throws(ValueFault) -> String {
    guard grammar.accepts(text) else {
      throw ValueFault("expected \(grammar.summary)")
    }
    return text
  }

  private static func address(_ text: String, isOrigin: Bool) throws(ValueFault) -> HTTPURL {
    let url: HTTPURL
    do throws(URLFault) {
      url = try HTTPURL(parsing: text)
    } catch {
      throw ValueFault("expected an address as https://host:port; \(error)")
    }
    guard url.query == nil else {
      throw ValueFault("expected an address as https://host:port, without a query")
    }
    guard !isOrigin || url.path == "/" else {
      throw ValueFault("expected the address only, as https://host, without a path")
    }
    return url
  }

  private static func isNoSegment(_ segment: Substring) -> Bool {
    segment.isEmpty || segment == "." || segment == ".."
  }

  private static func words(_ range: ClosedRange<Int64>) -> String {
    switch (range.lowerBound, range.upperBound) {
    case (let low, .max): "at least \(low)"
    case (let low, let high) where high == low + 1: "\(low) or \(high)"
    case (let low, let high): "\(low) to \(high)"
    }
  }
}
