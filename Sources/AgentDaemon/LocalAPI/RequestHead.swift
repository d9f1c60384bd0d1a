import SecretBytes

/// The request line and the headers, as strictly as RFC 9112 allows: what two readers could understand in two ways is refused.
struct RequestHead: Equatable {
  enum Body: Equatable {
    case none
    case length(Int)
    case chunked
  }

  let method: String
  let target: RequestTarget
  let body: Body
  /// `Host`, in lower case; `nil` in HTTP/1.0 without one.
  let host: String?
  let expectsContinue: Bool

  static let mostHeaders = 100

  /// From the bytes up to the empty line, whose CRLF and that of the line before it may be there or not.
  init(_ head: SecretBytes) throws(RequestFault) {
    let lines = try Self.lines(head)
    guard let first = lines.first else {
      throw .bad("the request is empty")
    }
    let parts = first.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard parts.count == 3, Self.isToken(parts[0]), parts[0].count <= 32 else {
      throw .bad("the request line is not METHOD /PATH HTTP/1.1")
    }
    let isOld = try Self.isOld(parts[2])
    method = String(decoding: parts[0], as: UTF8.self)
    target = try RequestTarget(parts[1])
    let headers = try Headers(lines.dropFirst())
    host = try headers.only("host", "the request has two Host headers")
    guard isOld || host != nil else {
      throw .bad("the request has no Host header")
    }
    body = try Self.body(headers, isOld: isOld)
    let expectation = try headers.only("expect", "the request has two Expect headers")
    guard isOld || expectation == nil || expectation == "100-continue" else {
      throw RequestFault(status: 417, reason: "the only expectation met here is 100-continue")
    }
    expectsContinue = !isOld && expectation != nil && body != .none
  }

  /// Whether the version is HTTP/1.0.
  private static func isOld(_ version: ArraySlice<UInt8>) throws(RequestFault) -> Bool {
    switch String(decoding: version, as: UTF8.self) {
    case "HTTP/1.1": return false
    case "HTTP/1.0": return true
    case let other where other.hasPrefix("HTTP/"):
      throw RequestFault(status: 505, reason: "HTTP/1.1 is spoken here")
    default: throw .bad("the request line is not METHOD /PATH HTTP/1.1")
    }
  }

  /// The lines without their CRLF. A CR or LF alone, a NUL or another control character is no part of any.
  private static func lines(_ head: SecretBytes) throws(RequestFault) -> [ArraySlice<UInt8>] {
    // An array of the heap: request heads carry no secret's value.
    let bytes = head.withUnsafeBytes { Array($0) }
    var lines: [ArraySlice<UInt8>] = []
    var rest = bytes[...]
    while let end = rest.firstIndex(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7f }) {
      let breaking = rest[end...].prefix(2)
      guard breaking.elementsEqual([0x0d, 0x0a]) else {
        throw .bad("the request's head holds a control character or a line that does not end in CRLF")
      }
      lines.append(rest[..<end])
      rest = rest[(end + 2)...]
    }
    if !rest.isEmpty {
      lines.append(rest)
    }
    while lines.last?.isEmpty == true {
      lines.removeLast()
    }
    return lines
  }

  private static func body(_ headers: Headers, isOld: Bool) throws(RequestFault) -> Body {
    let length = try headers.only("content-length", "the request has two Content-Length headers")
    let coding = try headers.only("transfer-encoding", "the request has two Transfer-Encoding headers")
    guard let coding else {
      return try length.map { (text) throws(RequestFault) in try Self.length(text) } ?? .none
    }
    guard length == nil else {
      throw .bad("the request has both Content-Length and Transfer-Encoding")
    }
    guard !isOld else {
      throw .bad("HTTP/1.0 has no Transfer-Encoding")
    }
    guard coding == "chunked" else {
      throw RequestFault(status: 501, reason: "the only transfer coding known here is chunked")
    }
    return .chunked
  }

  private static func length(_ text: String) throws(RequestFault) -> Body {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
      throw .bad("the request's Content-Length is not a number")
    }
    guard let length = Int(text) else {
      throw RequestFault(status: 413, reason: "the request's body is too large")
    }
    return .length(length)
  }

  /// RFC 9110 §5.6.2.
  static func isToken(_ text: ArraySlice<UInt8>) -> Bool {
    !text.isEmpty && text.allSatisfy(isTokenCharacter)
  }

  private static func isTokenCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}

/// The headers that matter here, by name in lower case, with every value that was sent.
private struct Headers {
  private var values: [String: [String]] = [:]

  private static let known: Set<String> = ["host", "content-length", "transfer-encoding", "expect"]

  init(_ lines: ArraySlice<ArraySlice<UInt8>>) throws(RequestFault) {
    guard lines.count <= RequestHead.mostHeaders else {
      throw RequestFault(status: 431, reason: "the request has too many headers")
    }
    for line in lines {
      // A line that begins with white space would go on with the one before it (obs-fold): its name is no token either.
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), RequestHead.isToken(line[..<colon]) else {
        throw .bad("a header is not NAME: VALUE on one line")
      }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      if Self.known.contains(name) {
        values[name, default: []].append(Self.trimmed(line[(colon + 1)...]).lowercased())
      }
    }
  }

  /// The header's one value in lower case, `nil` without one.
  func only(_ name: String, _ otherwise: String) throws(RequestFault) -> String? {
    let values = values[name] ?? []
    guard values.count <= 1 else {
      throw .bad(otherwise)
    }
    return values.first
  }

  private static func trimmed(_ text: ArraySlice<UInt8>) -> String {
    var text = text.drop { $0 == 0x20 || $0 == 0x09 }
    while let last = text.last, last == 0x20 || last == 0x09 {
      text.removeLast()
    }
    return String(decoding: text, as: UTF8.self)
  }
}
