import SecretBytes
import Text

/// A request method.
public struct HTTPMethod: RawRepresentable, Sendable, Hashable {
  public let rawValue: String

  public init(rawValue: String) {
    self.rawValue = rawValue
  }

  public static let get = HTTPMethod(rawValue: "GET")
  public static let head = HTTPMethod(rawValue: "HEAD")
  public static let post = HTTPMethod(rawValue: "POST")
  public static let put = HTTPMethod(rawValue: "PUT")
  public static let delete = HTTPMethod(rawValue: "DELETE")
  public static let list = HTTPMethod(rawValue: "LIST")
}

/// One header line of a request. Its value is held as secret bytes, since many are.
public struct HTTPHeader: Sendable {
  public let name: String
  public let value: SecretBytes
  /// Whether the value is a credential, which nothing may repeat.
  public let isSecret: Bool

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = SecretBytes(value)
    isSecret = false
  }

  public init(_ name: String, secret value: SecretBytes) {
    self.name = name
    self.value = value
    isSecret = true
  }

  /// Whether it can be sent: a token as name (RFC 9110 §5.6.2), and a value that holds no control character but tab, so that nothing
  /// can smuggle a further line.
  var isValid: Bool {
    Token.isValid(name) && value.withUnsafeBytes { $0.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 } }
  }
}

/// RFC 9110 §5.6.2: what a method and a header's name are.
enum Token {
  static func isValid(_ text: String) -> Bool {
    let marks = "!#$%&'*+-.^_`|~"
    return !text.isEmpty
      && text.utf8.allSatisfy {
        $0.isAlphanumeric || marks.utf8.contains($0)
      }
  }
}

public struct HTTPRequest: Sendable {
  public let method: HTTPMethod
  public let url: HTTPURL
  public let headers: [HTTPHeader]
  public let body: SecretBytes?
  /// For this one attempt, connecting included.
  public let timeout: Duration
  /// A larger answer is cut off at once.
  public let maximumResponseBytes: Int

  public init(
    method: HTTPMethod, url: HTTPURL, headers: [HTTPHeader] = [], body: SecretBytes? = nil,
    timeout: Duration = .seconds(10), maximumResponseBytes: Int = 4 * 1024 * 1024
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeout = timeout
    self.maximumResponseBytes = maximumResponseBytes
  }
}

public struct HTTPResponse: Sendable {
  public let status: Int
  public let headers: HTTPFields
  public let body: SecretBytes

  public init(status: Int, headers: HTTPFields, body: SecretBytes) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}

/// The header lines of a response; names are compared without regard to case.
public struct HTTPFields: Sendable {
  private let fields: [(name: String, value: String)]
  /// As libcurl hands it over: a status line, then a line each. It is read when one asks: of most answers nobody does.
  private let block: [UInt8]

  public init(_ fields: [(String, String)]) {
    self.fields = fields.map { ($0.0, $0.1) }
    self.block = []
  }

  init(block: UnsafeRawBufferPointer) {
    self.fields = []
    self.block = Array(block)
  }

  public func first(_ name: String) -> String? {
    if let field = fields.first(where: { Self.isSame($0.name.utf8, name.utf8) }) {
      return field.value
    }
    for line in block.split(separator: UInt8(ascii: "\n")).dropFirst() {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), Self.isSame(line[..<colon], name.utf8) else {
        continue
      }
      let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
      let end = value.lastIndex { $0 > 0x20 }.map { $0 + 1 } ?? value.startIndex
      return String(decoding: value[..<end], as: UTF8.self)
    }
    return nil
  }

  private static func isSame(_ one: some Sequence<UInt8>, _ other: some Sequence<UInt8>) -> Bool {
    one.elementsEqual(other) { lowercased($0) == lowercased($1) }
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
  }
}

/// Sends one request and gives its answer, whatever its status: a client, or a test's script.
public protocol HTTPSending: Sendable {
  func send(_ request: HTTPRequest) async throws(TransportFailure) -> HTTPResponse
}
