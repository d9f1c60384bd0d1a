import EventLoop
import HTTPTransport
import Logging
import SecretBytes
import Text

/// Asks a daemon's value socket.
public struct ValueClient: Sendable {
  /// Why there are no values.
  public enum Fault: Error, Sendable, Equatable {
    /// No daemon answers at the socket, or what does is none.
    case unreachable(String)
    /// The daemon does not let this user ask.
    case notAllowed(String)
    /// The daemon knows no such execution.
    case unknown
    /// It has no generation, for this reason.
    case notDelivered(String)
  }

  /// From the connection to the end of one answer; the daemon itself waits for a part of it.
  private static let answerTime = ValueAPI.patience + .seconds(10)
  private static let pause = Duration.milliseconds(500)

  private let socket: String
  private let loop: EventLoop
  private let client: HTTPClient

  /// - Parameter socket: its path.
  public init(socket: String, loop: EventLoop) {
    self.socket = socket
    self.loop = loop
    var options = HTTPClientOptions()
    options.unixSocket = socket
    options.addressRule = .any
    client = HTTPClient(loop: loop, options: options, log: Logger(label: "client") { _ in SwiftLogNoOpLogHandler() })
  }

  /// What the execution was last delivered; one that has no generation yet is asked for again until `limit` is over.
  public func values(of execution: String, within limit: Duration) async throws(Fault) -> ExecutionValues {
    let end = loop.now.advanced(by: limit)
    var told: String?
    while true {
      do throws(Fault) {
        return try await ask(execution, until: end, told: told)
      } catch .notDelivered(let reason) {
        guard loop.now.advanced(by: Self.pause) < end, (try? await loop.sleep(for: Self.pause)) != nil else {
          throw .notDelivered(reason)
        }
        told = reason
      }
    }
  }

  /// - Parameter told: what the daemon said last, which tells more than that there was no time left to hear it again.
  func ask(
    _ execution: String, until end: Moment, told: String?
  ) async throws(Fault) -> ExecutionValues {
    let timeout = max(.milliseconds(1), min(Self.answerTime, loop.now.duration(to: end)))
    let response: HTTPResponse
    do {
      let url = ["v1", "executions", execution, "values"].reduce(try HTTPURL(parsing: "http://localhost")) {
        $0.appending(segment: $1)
      }
      response = try await client.send(
        HTTPRequest(method: .get, url: url, timeout: timeout, maximumResponseBytes: ExecutionValues.mostBytes))
    } catch {
      let failure = error as? TransportFailure
      if case .timedOut? = failure?.kind {
        throw .notDelivered(told ?? "the daemon has not answered in time")
      }
      // libcurl's words alone: the socket has no host.
      let words = failure.flatMap { $0.detail.isEmpty ? nil : $0.detail }
      throw .unreachable("\(socket): no daemon answers: \(words ?? "\(error)")")
    }
    let reason = { ShownText.clean(response.body.unsafeString()?.split(separator: "\n").first.map(String.init) ?? "") }
    switch response.status {
    case 200:
      guard let values = ExecutionValues(json: response.body) else {
        throw .unreachable("\(socket): what answers is no secrets-agent")
      }
      return values
    case 403: throw .notAllowed("\(socket): \(reason()); see values.allowed_users")
    case 404: throw .unknown
    case 503: throw .notDelivered(reason())
    default: throw .unreachable("\(socket): status \(response.status): \(reason())")
    }
  }
}
