import CLibcurl

/// An absolute `http` or `https` address, taken apart by libcurl's URL API, so that what is checked is what is connected to.
public struct HTTPURL: Sendable, Hashable, CustomStringConvertible {
  public enum Scheme: String, Sendable {
    case http
    case https
  }

  public let scheme: Scheme
  /// A name, an IPv4 address, or an IPv6 address in brackets.
  public let host: String
  public let port: Int
  /// Percent-encoded, with a leading `/`.
  public let path: String
  /// Percent-encoded, without the `?`.
  public let query: String?

  private init(scheme: Scheme, host: String, port: Int, path: String, query: String?) {
    self.scheme = scheme
    self.host = host
    self.port = port
    self.path = path
    self.query = query
  }

  /// - Throws: for text that is not such an address, and for one with a user or a fragment.
  public init(parsing text: String) throws(URLFault) {
    guard let handle = curl_url() else {
      throw .malformed
    }
    defer { curl_url_cleanup(handle) }
    guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
      throw .malformed
    }
    let code = curl_url_set(handle, CURLUPART_URL, text, UInt32(CURLU_DISALLOW_USER))
    switch code {
    case CURLUE_OK: break
    case CURLUE_USER_NOT_ALLOWED: throw .hasUser
    case CURLUE_BAD_SCHEME, CURLUE_UNSUPPORTED_SCHEME: throw .notHTTP
    case CURLUE_BAD_PORT_NUMBER: throw .badPort
    default: throw .malformed
    }
    guard let scheme = Self.part(handle, CURLUPART_SCHEME).flatMap(Scheme.init(rawValue:)) else {
      throw .notHTTP
    }
    // libcurl reads one slash or three as two, and would take the first part of a path for the host.
    let rest = text.utf8.dropFirst(scheme.rawValue.utf8.count)
    guard rest.starts(with: "://".utf8), rest.dropFirst(3).first != UInt8(ascii: "/") else {
      throw .malformed
    }
    guard Self.part(handle, CURLUPART_FRAGMENT) == nil else {
      throw .hasFragment
    }
    guard
      let host = Self.part(handle, CURLUPART_HOST), !host.isEmpty,
      let port = Self.part(handle, CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)).flatMap({ Int($0) })
    else {
      throw .malformed
    }
    guard port > 0 else {
      throw .badPort
    }
    self.init(
      scheme: scheme, host: host.lowercased(), port: port, path: Self.part(handle, CURLUPART_PATH) ?? "/",
      query: Self.part(handle, CURLUPART_QUERY))
  }

  private static func part(_ handle: OpaquePointer, _ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard curl_url_get(handle, part, &text, flags) == CURLUE_OK, let text else {
      return nil
    }
    defer { curl_free(text) }
    return String(cString: text)
  }

  /// `https://host:port`, without the port where it is the scheme's.
  public var origin: String { "\(scheme.rawValue)://\(authority)" }

  /// `host:port`, without the port where it is the scheme's: what libcurl sends as `Host`.
  public var authority: String {
    let standard = scheme == .https ? 443 : 80
    return host + (port == standard ? "" : ":\(port)")
  }

  public var description: String {
    origin + path + (query.map { "?\($0)" } ?? "")
  }

  /// Whether the host is this machine by its very name: localhost, 127.0.0.0/8, ::1.
  public var isLoopbackHost: Bool {
    if host == "localhost" || host.hasSuffix(".localhost") || host == "[::1]" {
      return true
    }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    // Only as libcurl writes an address: `127.0.0.08` and `127.0.0.+1` are names to it.
    return parts.count == 4 && parts.first == "127"
      && parts.allSatisfy { part in UInt8(part).map { String($0) == part } ?? false }
  }

  /// The address with `rawPath` below its path: `/` separates, everything else but unreserved characters is percent-encoded.
  public func appending(rawPath: String) -> HTTPURL {
    var path = path
    while path.hasSuffix("/") {
      path.removeLast()
    }
    return HTTPURL(
      scheme: scheme, host: host, port: port, path: path + "/" + PercentEncoding.encode(rawPath, keeping: "/"),
      query: query)
  }

  /// The address with these query items after those that it has.
  public func adding(query items: [(String, String)]) -> HTTPURL {
    let more = with(query: items).query ?? ""
    let text = (query.map { $0.isEmpty ? "" : "\($0)&" } ?? "") + more
    return HTTPURL(scheme: scheme, host: host, port: port, path: path, query: text)
  }

  /// The address with one more segment below its path, a `/` in it encoded like everything else.
  public func appending(segment: String) -> HTTPURL {
    let base = path.hasSuffix("/") ? path : path + "/"
    return HTTPURL(scheme: scheme, host: host, port: port, path: base + PercentEncoding.encode(segment), query: query)
  }

  /// The address with these query items in the place of its query.
  public func with(query items: [(String, String)]) -> HTTPURL {
    let text = items.map { "\(PercentEncoding.encode($0))=\(PercentEncoding.encode($1))" }.joined(separator: "&")
    return HTTPURL(scheme: scheme, host: host, port: port, path: path, query: text)
  }
}

/// Why a text is not an address that the agent connects to.
public enum URLFault: Error, Sendable, Equatable, CustomStringConvertible {
  case malformed
  case notHTTP
  case hasUser
  case hasFragment
  case badPort

  public var description: String {
    switch self {
    case .malformed: "it is not a URL"
    case .notHTTP: "only http and https are known"
    case .hasUser: "it must not hold a user or password"
    case .hasFragment: "it must not have a fragment"
    case .badPort: "the port is not one"
    }
  }
}
