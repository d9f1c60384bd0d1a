import HTTPTransport
import Text

/// Where the node's SPIFFE Workload API listens
/// (https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_Endpoint.md#4-locating-the-endpoint).
struct SPIFFEEndpoint: Sendable, Equatable {
  static let variable = "SPIFFE_ENDPOINT_SOCKET"

  /// Path of the Unix socket; `nil`: TCP.
  let socket: String?
  let url: HTTPURL

  /// - Parameter text: `unix:///path`, or `tcp://ADDRESS:PORT` with an IP address. A path alone counts as `unix://`.
  /// - Returns: `nil` where it is neither.
  init?(_ text: String) {
    if let path = text.hasPrefix("unix:") ? Self.path(text.dropFirst(5)) : text.hasPrefix("/") ? text : nil {
      // As a Unix socket's address has it, the byte that ends it counted.
      guard path.utf8.count < 108, !path.utf8.contains(0), let url = try? HTTPURL(parsing: "http://localhost/") else {
        return nil
      }
      (socket, self.url) = (path, url)
    } else if text.hasPrefix("tcp://"), let url = try? HTTPURL(parsing: "http://\(text.dropFirst(6))"), url.path == "/",
      Self.isAddress(url.host)
    {
      (socket, self.url) = (nil, url)
    } else {
      return nil
    }
  }

  /// `///path` and `/path` are the same; an authority there may not be.
  private static func path(_ rest: Substring) -> String? {
    let path = rest.hasPrefix("//") ? rest.dropFirst(2) : rest
    return path.hasPrefix("/") && path != "/" ? String(path) : nil
  }

  /// A name could lead anywhere; the standard wants an address.
  private static func isAddress(_ host: String) -> Bool {
    host.hasPrefix("[") || host.utf8.allSatisfy { $0.isDigit || $0 == UInt8(ascii: ".") }
  }
}
