import Glibc
import SecretBytes

/// A request to the local API, whole and checked.
public struct APIRequest: Sendable {
  /// As sent (`GET`, `PUT`); a HEAD request is given to the handler as `GET`, and the answer's body is dropped.
  public let method: String
  /// The percent-decoded segments of the path, empty ones left out. None is `.` or `..`; one may hold a `/` that was sent as `%2F`.
  public let path: [String]
  /// The percent-decoded items behind the `?`; of equal names the last.
  public let query: [String: String]
  public let body: SecretBytes
  public let peer: APIPeer

  /// Whether who asks is one of the operators; over TCP nobody is.
  public var isByOperator: Bool { peer.role == .isOperator }
}

/// Who asks.
public struct APIPeer: Sendable {
  /// What somebody may do, the least first.
  public enum Role: Sendable, Comparable {
    /// To say that a value of its own execution was refused, and nothing else.
    case isWorkload
    /// To look.
    case isReader
    case isOperator
  }

  public let role: Role
  /// As the kernel knows it; `nil` over TCP.
  public let user: uid_t?
}

/// The answer to a request.
public struct APIResponse: Sendable {
  public let status: Int
  public let contentType: String
  public let body: SecretBytes
  /// Further headers, which no client had a word in.
  private let headers: [(name: String, value: String)]

  public init(status: Int, contentType: String, body: SecretBytes, headers: [(name: String, value: String)] = []) {
    self.status = status
    self.contentType = contentType
    self.body = body
    self.headers = headers
  }

  /// Plain text, with a line break at its end.
  public static func text(_ text: String, status: Int = 200) -> APIResponse {
    APIResponse(status: status, contentType: "text/plain; charset=utf-8", body: SecretBytes(text + "\n"))
  }

  /// `json` as it is; it must be JSON.
  public static func json(_ json: SecretBytes, status: Int = 200) -> APIResponse {
    APIResponse(status: status, contentType: "application/json", body: json)
  }

  /// 405, with the methods that the path knows, as RFC 9110 §15.5.6 asks.
  public static func methodNotAllowed(_ allowed: [String]) -> APIResponse {
    let methods = allowed.joined(separator: ", ")
    let text = text("this path takes \(methods)")
    return APIResponse(status: 405, contentType: text.contentType, body: text.body, headers: [("Allow", methods)])
  }

  /// What RFC 9110 §15 and RFC 6585 call the statuses that are sent here.
  private static let phrases = [
    200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 409: "Conflict", 411: "Length Required", 413: "Content Too Large", 414: "URI Too Long",
    417: "Expectation Failed", 422: "Unprocessable Content", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable", 505: "HTTP Version Not Supported",
  ]

  /// The status line and the headers. RFC 9112 §4: a phrase may be empty.
  var head: SecretBytes {
    let phrase = Self.phrases[status] ?? ""
    let further = headers.map { "\($0.name): \($0.value)\r\n" }.joined()
    return SecretBytes(
      "HTTP/1.1 \(status) \(phrase)\r\nContent-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n"
        + further + "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n")
  }
}
