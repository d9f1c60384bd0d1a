/// What the local API's server takes from its clients.
public struct LocalServerLimits: Sendable {
  /// Bytes of the request line and the headers; more is answered 431.
  public var headBytes = 16 * 1024
  /// Bytes of a body over the Unix socket; more is answered 413, and so is any over TCP, where nobody is known.
  public var bodyBytes = 16 * 1024 * 1024
  /// Connections at once of one listener; one more is answered 503, or over TCP takes the place of the one that has kept its request back
  /// the longest.
  public var connections = 64
  /// Connections of one listener that are only told no (403, 503) at once; one more is closed without a word.
  public var refusals = 16
  /// From the connection to the end of the request; later is answered 408.
  public var requestTime: Duration = .seconds(10)
  /// From the first byte of the answer to its last; then the connection is closed.
  public var responseTime: Duration = .seconds(10)
  /// How long a client may still send after its answer, so that the kernel does not take the answer back from it (RFC 9112 §9.6).
  public var lingerTime: Duration = .seconds(1)

  public init() {}
}
