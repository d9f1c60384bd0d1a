import EventLoop
import HTTPTransport
import Logging
import Synchronization

/// Every client of a scene: requests go to the store over real HTTP, are seen on their way, and can meet with trouble there.
final class Wire: Sendable {
  /// What becomes of a request.
  enum Way: Sendable {
    case through
    /// It never arrives.
    case answered(HTTPResponse)
    /// The store answers, and what arrives is this of its answer.
    case altered(@Sendable (HTTPResponse) -> HTTPResponse)
    /// No answer came.
    case failed(TransportFailure.Kind)
    /// No answer, until the caller gives up.
    case silent
  }

  typealias Rule = @Sendable (HTTPRequest) -> Way

  /// A request with the options of the client that sent it.
  struct Sent: Sendable {
    let options: HTTPClientOptions
    let request: HTTPRequest
  }

  private struct State {
    var sent: [Sent] = []
    var rule: Rule = { _ in .through }
    var waiting = 0
  }

  private struct Client: HTTPSending {
    let wire: Wire
    let options: HTTPClientOptions
    let real: HTTPClient

    func send(_ request: HTTPRequest) async throws(TransportFailure) -> HTTPResponse {
      switch wire.way(of: request, options) {
      case .through: return try await real.send(request)
      case .answered(let response): return response
      case .altered(let alter): return alter(try await real.send(request))
      case .failed(let kind): throw TransportFailure(kind: kind, host: "store", detail: "")
      case .silent: throw await wire.silence()
      }
    }
  }

  private let loop: EventLoop
  private let log: Logger
  private let state = Mutex(State())

  init(loop: EventLoop, log: Logger) {
    self.loop = loop
    self.log = log
  }

  func client(_ options: HTTPClientOptions) -> any HTTPSending {
    Client(wire: self, options: options, real: HTTPClient(loop: loop, options: options, log: log))
  }

  /// From now on.
  func rule(_ rule: @escaping Rule) { state.withLock { $0.rule = rule } }
  func calm() { rule { _ in .through } }
  func forget() { state.withLock { $0.sent = [] } }

  var sent: [Sent] { state.withLock { $0.sent } }
  var requests: [HTTPRequest] { sent.map(\.request) }
  /// How many requests get no answer now.
  var waiting: Int { state.withLock { $0.waiting } }

  private func way(of request: HTTPRequest, _ options: HTTPClientOptions) -> Way {
    state.withLock { state in
      state.sent.append(Sent(options: options, request: request))
      return state.rule(request)
    }
  }

  /// Waits until the task is cancelled.
  private func silence() async -> TransportFailure {
    let (nothing, holder) = AsyncStream<Never>.makeStream()
    state.withLock { $0.waiting += 1 }
    for await _ in nothing {}
    holder.finish()
    state.withLock { $0.waiting -= 1 }
    return TransportFailure(kind: .cancelled, host: "store", detail: "")
  }
}

/// Everything that was logged, as text.
final class LogBook: Sendable {
  private struct Handler: LogHandler {
    let book: LogBook
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      book.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
    }
  }

  private let lines = Mutex<[String]>([])

  var logger: Logger { Logger(label: "test") { _ in Handler(book: self) } }
  var text: String { lines.withLock { $0.joined(separator: "\n") } }
}
