import Text

/// The request line and the headers, as strictly as RFC 9112 allows: what two readers could understand in two ways is refused.
struct RequestHead {
  let method: String
  /// Percent-decoded segments, empty ones left out.
  let path: [String]
  /// Percent-decoded; of equal names the last.
  let query: [String: String]
  /// Whom the request is for, in lower case: the target says it, or `Host`; `nil` in HTTP/1.0 without one.
  let authority: String?
  /// The body's length; `nil` where it comes in chunks.
  let length: Int?
  let expectsContinue: Bool

  private static let onceOnly: Set<String> = ["host", "content-length", "transfer-encoding", "expect"]

  /// Reads it, up to the empty line.
  init(_ input: inout RequestInput) async throws(RequestFault) {
    var line = try await input.line()
    // RFC 9112 §2.2: what an old client sends behind its last body.
    if line.isEmpty {
      line = try await input.line()
    }
    let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard parts.count == 3, Self.isToken(parts[0]), parts[0].count <= 32 else {
      throw .bad("the request line is not METHOD /PATH HTTP/1.1")
    }
    method = String(decoding: parts[0], as: UTF8.self)
    let target = try Self.target(parts[1])
    path = target.path
    query = target.query
    let version = String(decoding: parts[2], as: UTF8.self)
    guard version == "HTTP/1.1" || version == "HTTP/1.0" else {
      throw version.hasPrefix("HTTP/") ? .refused(505, "HTTP/1.1 is spoken here") : .bad("this is no HTTP")
    }
    let isOld = version == "HTTP/1.0"
    let headers = try await Self.headers(&input)
    guard isOld || headers["host"] != nil else {
      throw .bad("the request has no Host header")
    }
    authority = target.authority ?? headers["host"]
    length = try Self.length(headers, isOld: isOld)
    let expectation = isOld ? nil : headers["expect"]
    guard expectation == nil || expectation == "100-continue" else {
      throw .refused(417, "the only expectation met here is 100-continue")
    }
    expectsContinue = expectation != nil && length != 0
  }

  private typealias Target = (authority: String?, path: [String], query: [String: String])

  /// A path, or a whole address (RFC 9112 §3.2.1, §3.2.2).
  private static func target(_ text: ArraySlice<UInt8>) throws(RequestFault) -> Target {
    // Visible ASCII without what RFC 3986 gives no place in an address, and without a fragment.
    guard text.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"\"#<>\\^`{|}".utf8.contains($0) }) else {
      throw .bad("the request's target holds a character that must be percent-encoded")
    }
    var rest = Substring(decoding: text, as: UTF8.self)
    var authority: String?
    if rest.lowercased().hasPrefix("http://") {
      rest = rest.dropFirst("http://".count)
      let name = rest.prefix { $0 != "/" && $0 != "?" }
      authority = name.lowercased()
      rest = rest[name.endIndex...]
    }
    guard authority.map({ !$0.isEmpty && !$0.contains("@") }) ?? rest.hasPrefix("/") else {
      throw .bad("the request's target must begin with / or http://HOST, without a user")
    }
    let path = try rest.prefix { $0 != "?" }.split(separator: "/").map(segment)
    return (authority, path, query(rest.drop { $0 != "?" }.dropFirst()))
  }

  /// What cannot be decoded asks for nothing, as everything that no route knows.
  private static func query(_ text: Substring) -> [String: String] {
    var items: [String: String] = [:]
    for item in text.split(separator: "&") {
      let sides = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if let name = try? word(sides[0]), let value = try? sides.count > 1 ? word(sides[1]) : "" {
        items[name] = value
      }
    }
    return items
  }

  private static func segment(_ text: Substring) throws(RequestFault) -> String {
    let segment = try word(text)
    guard segment != ".", segment != ".." else {
      throw .bad("the request's path holds a dot segment")
    }
    return segment
  }

  private static func word(_ text: Substring) throws(RequestFault) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8
    while let byte = rest.popFirst() {
      if byte != UInt8(ascii: "%") {
        bytes.append(byte)
      } else if let high = rest.popFirst()?.hexadecimalValue, let low = rest.popFirst()?.hexadecimalValue {
        bytes.append(high << 4 | low)
      } else {
        throw .bad("the request's target holds a % without two hexadecimal digits")
      }
    }
    guard !bytes.contains(where: \.isControl), let word = String(validating: bytes, as: UTF8.self) else {
      throw .bad("the request's target holds a control character, or what is not UTF-8")
    }
    return word
  }

  /// By name, all in lower case, with single spaces.
  private static func headers(_ input: inout RequestInput) async throws(RequestFault) -> [String: String] {
    var headers: [String: String] = [:]
    while case let line = try await input.line().map(\.lowercased), !line.isEmpty {
      // A line that begins with white space would go on with the one before it (obs-fold): its name is no token either.
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), isToken(line[..<colon]) else {
        throw .bad("a header is not NAME: VALUE on one line")
      }
      let name = String(decoding: line[..<colon], as: UTF8.self)
      let words = line[(colon + 1)...].split { $0 == 0x20 || $0 == 0x09 }.map { String(decoding: $0, as: UTF8.self) }
      let before = headers.updateValue(words.joined(separator: " "), forKey: name)
      guard before == nil || !onceOnly.contains(name) else {
        throw .bad("the request has a header twice that is sent once")
      }
    }
    return headers
  }

  private static func length(_ headers: [String: String], isOld: Bool) throws(RequestFault) -> Int? {
    switch (headers["content-length"], headers["transfer-encoding"]) {
    case (nil, nil): return 0
    case (let length?, nil):
      guard !length.isEmpty, length.utf8.allSatisfy(\.isDigit) else {
        throw .bad("the request's Content-Length is not a number")
      }
      return Int(length) ?? .max
    case (nil, "chunked"?) where !isOld: return nil
    case (nil, _?) where !isOld: throw .refused(501, "the only transfer coding known here is chunked")
    default: throw .bad("the request has a Transfer-Encoding beside a Content-Length, or in HTTP/1.0")
    }
  }

  /// What a method and the name of a header are (RFC 9110 §5.6.2).
  private static func isToken(_ text: ArraySlice<UInt8>) -> Bool {
    !text.isEmpty && text.allSatisfy { $0.isAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains($0) }
  }
}

extension UInt8 {
  /// Of ASCII alone: `K` (U+212A) stays what it is.
  fileprivate var lowercased: UInt8 { (0x41...0x5a).contains(self) ? self | 0x20 : self }
}
