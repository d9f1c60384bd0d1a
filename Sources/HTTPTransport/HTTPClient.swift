import CLibcurl
import EventLoop
import Glibc
import Logging
import SecretBytes

/// Sends requests over libcurl's connections, with the options of one provider connection: kept and reused connections, HTTP/2 where
/// the server offers it, at most ``HTTPClientOptions/maximumInFlight`` at once, first come first served.
///
/// No redirects, no cookies, no netrc, no content decoding, no retries. A cancelled call really ends its transfer. Several clients
/// share the loop's connection pool; libcurl hands a connection only to a transfer with the same TLS options.
public final class HTTPClient: HTTPSending {
  private let loop: EventLoop
  private let options: HTTPClientOptions
  private let log: Logger
  private let lane: LoopBound<TransferLane>

  public init(loop: EventLoop, options: HTTPClientOptions, log: Logger) {
    self.loop = loop
    self.options = options
    self.log = log
    self.lane = LoopBound(TransferLane(options), on: loop)
  }

  /// As `libcurl/7.88.1 OpenSSL/3.0.19 …`.
  public static var libraryVersion: String { String(cString: curl_version()) }

  public func send(_ request: HTTPRequest) async throws(TransportFailure) -> HTTPResponse {
    let result = await withTaskExecutorPreference(loop) { await transfer(request) }
    return try result.get()
  }

  private func transfer(_ request: HTTPRequest) async -> Result<HTTPResponse, TransportFailure> {
    guard Token.isValid(request.method.rawValue) else {
      return .failure(TransportFailure(.invalidRequest, of: request, by: options, "the method is not a token"))
    }
    guard request.headers.allSatisfy(\.isValid) else {
      return .failure(
        TransportFailure(.invalidRequest, of: request, by: options, "a header holds characters that headers cannot"))
    }
    let ticket = TransferTicket()
    let startedAt = loop.now
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        ticket.arm(continuation)
        lane.value.start(request, ticket, on: loop)
      }
    } onCancel: {
      loop.perform { self.lane.value.cancel(request, ticket, on: self.loop) }
    }
    note(request, outcome, startedAt)
    return outcome
  }

  private func note(
    _ request: HTTPRequest, _ outcome: Result<HTTPResponse, TransportFailure>, _ startedAt: Moment
  ) {
    log.debug(
      "call",
      metadata: [
        "method": "\(request.method.rawValue)", "host": "\(options.peer(of: request.url))",
        "path": "\(request.url.path)",
        "status": (try? outcome.get()).map { .stringConvertible($0.status) } ?? "none",
        "duration_seconds": .stringConvertible(startedAt.duration(to: loop.now)),
      ])
  }
}
