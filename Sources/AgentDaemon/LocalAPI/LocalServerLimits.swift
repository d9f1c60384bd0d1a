/// What the local API's server takes from its clients.
public struct LocalServerLimits: Sendable {
  /// Bytes of the request line and the headers; more is answered 431.
  public var headBytes = 16 * 1024
  /// Bytes of a body over the Unix socket; more is answered 413.
  public var bodyBytes = 16 * 1024 * 1024
  /// Bytes of a body over TCP, where nobody is known and scrapers send none.
  public var tcpBodyBytes = 64 * 1024
  /// Connections at once; one more is answered 503.
  public var connections = 64
  /// Connections that are only told no (403, 503) at once; one more is closed without a word.
  public var refusals = 16
  /// From the connection to the end of the request; later is answered 408.
  public var requestTime: Duration = .seconds(10)
  /// From the first byte of the answer to its last; then the connection is closed.
  public var responseTime: Duration = .seconds(10)
  /// How long a client may still send after its answer, so that the kernel does not take the answer back from it (RFC 9112 §9.6).
  public var lingerTime: Duration = .seconds(1)

  public init() {}
}

/// Why the local API cannot be listened on, as one line.
public struct LocalServerFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// The socket's path, or its host and port.
  public let address: String
  public let problem: String
  public let remedy: String

  public init(_ address: String, _ problem: String, remedy: String) {
    self.address = address
    self.problem = problem
    self.remedy = remedy
  }

  public var description: String { "\(address): \(problem); \(remedy)" }
}

/// Why a request is not given to the handler.
struct RequestFault: Error, Equatable {
  let status: Int
  /// One line for the client, which holds nothing of what it sent.
  let reason: String

  static func bad(_ reason: String) -> RequestFault { RequestFault(status: 400, reason: reason) }

  var response: APIResponse { .text(reason, status: status) }
}
