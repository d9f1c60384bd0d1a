import Glibc
import SecretBytes

/// A request to the local API, whole and checked.
public struct APIRequest: Sendable {
  /// As sent (`GET`, `PUT`); a HEAD request is given to the handler as `GET`, and the answer's body is dropped.
  public let method: String
  /// The percent-decoded segments of the path, empty ones left out. None is `.` or `..`; one may hold a `/` that was sent as `%2F`.
  public let path: [String]
  /// The percent-decoded query; `+` stands for a space. A name without `=` has an empty value.
  public let query: [String: String]
  public let body: SecretBytes
  /// Who asks; `nil` over TCP.
  public let peer: PeerCredentials?

  public init(
    method: String, path: [String], query: [String: String] = [:], body: SecretBytes = SecretBytes(),
    peer: PeerCredentials? = nil
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.body = body
    self.peer = peer
  }
}

/// The process at the other end of a Unix socket, as the kernel knew it when it connected (SO_PEERCRED, unix(7)).
public struct PeerCredentials: Sendable, Equatable {
  /// 0 where the process is in a namespace that the agent does not see.
  public let pid: pid_t
  public let uid: uid_t
  public let gid: gid_t

  public init(pid: pid_t, uid: uid_t, gid: gid_t) {
    self.pid = pid
    self.uid = uid
    self.gid = gid
  }
}

/// The answer to a request.
public struct APIResponse: Sendable {
  /// 200 to 599; anything else is sent as 500.
  public let status: Int
  public let contentType: String
  public let body: SecretBytes
  /// The methods that a 405 names, as RFC 9110 §15.5.6 asks; empty elsewhere.
  let allowedMethods: [String]

  public init(status: Int, contentType: String, body: SecretBytes) {
    self.init(status: status, contentType: contentType, body: body, allowedMethods: [])
  }

  private init(status: Int, contentType: String, body: SecretBytes, allowedMethods: [String]) {
    self.status = status
    self.contentType = contentType
    self.body = body
    self.allowedMethods = allowedMethods
  }

  /// Plain text, with a line break at its end.
  public static func text(_ text: String, status: Int = 200) -> APIResponse {
    APIResponse(status: status, contentType: "text/plain; charset=utf-8", body: SecretBytes(text + "\n"))
  }

  /// `json` as it is; it must be JSON.
  public static func json(_ json: SecretBytes, status: Int = 200) -> APIResponse {
    APIResponse(status: status, contentType: "application/json", body: json)
  }

  /// 405, with the methods that the path knows.
  public static func methodNotAllowed(_ allowed: [String]) -> APIResponse {
    APIResponse(
      status: 405, contentType: "text/plain; charset=utf-8",
      body: SecretBytes("this path takes \(allowed.joined(separator: ", "))\n"), allowedMethods: allowed)
  }

  /// The head of the answer, with the empty line at its end.
  func head() -> String {
    let status = (200...599).contains(self.status) ? self.status : 500
    var lines = ["HTTP/1.1 \(status) \(Self.reason(status))"]
    if hasBody {
      lines.append("Content-Type: \(Self.headerText(contentType))")
      lines.append("Content-Length: \(body.count)")
    }
    if !allowedMethods.isEmpty {
      lines.append("Allow: \(Self.headerText(allowedMethods.joined(separator: ", ")))")
    }
    lines += ["Cache-Control: no-store", "X-Content-Type-Options: nosniff", "Connection: close"]
    return lines.map { $0 + "\r\n" }.joined() + "\r\n"
  }

  /// RFC 9110 §6.4.1: these two never have one.
  var hasBody: Bool { status != 204 && status != 304 }

  /// What could end the line early does not get into a header.
  private static func headerText(_ text: String) -> String {
    String(decoding: text.utf8.filter { $0 >= 0x20 && $0 < 0x7f }, as: UTF8.self)
  }

  private static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 304: "Not Modified"
    case 400: "Bad Request"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 413: "Content Too Large"
    case 417: "Expectation Failed"
    case 422: "Unprocessable Content"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 503: "Service Unavailable"
    case 505: "HTTP Version Not Supported"
    default: "Status"
    }
  }
}
