import ArgumentParser
import EventLoop
import Glibc
import HTTPTransport
import JSONReader
import Logging
import Text

/// Why the daemon gave no answer that is one.
struct LocalAPIFault: Error {
  let line: String
  let status: ExitStatus
}

/// How commands reach a running daemon.
struct DaemonOptions: ParsableArguments {
  @Option(help: "The daemon's Unix socket.", completion: .file())
  var socket = "/run/secrets-agent/api.sock"

  @Option(help: "How lines on standard error are written: text or json.")
  var logFormat: LogFormat = .text

  var faults: FaultPrinter { FaultPrinter(format: logFormat) }

  /// Sends one request; prints the fault where there is no answer, one that refuses, or one that is no JSON.
  func ask(
    _ method: HTTPMethod, _ path: [String], _ query: [(String, String)] = [], on loop: EventLoop
  ) async -> Result<JSONValue, ExitCode> {
    switch await answer(method, path, query, on: loop) {
    case .success(let answer): return .success(answer)
    case .failure(let fault):
      faults.error(fault)
      return .failure(fault.status.code)
    }
  }

  /// Sends one request, and prints nothing.
  func answer(
    _ method: HTTPMethod, _ path: [String], _ query: [(String, String)] = [], on loop: EventLoop
  ) async -> Result<JSONValue, LocalAPIFault> {
    let response: HTTPResponse
    switch await exchange(method, path, query, on: loop) {
    case .failure(let fault): return .failure(fault)
    case .success(let answer): response = answer
    }
    if response.status == 429 {
      let wait = response.headers.first("Retry-After").flatMap { Int($0) }.map { "\($0) s" } ?? "at most 5 s"
      return .failure(
        LocalAPIFault(
          line: "it was asked for too soon after the last time; ask again in \(wait)", status: .unavailable))
    }
    guard (200..<300).contains(response.status) else {
      return .failure(Self.refusal(response))
    }
    guard let answer = try? JSONValue.parse(response.body, limits: JSONLimits(maximumBytes: 256 << 20)) else {
      return .failure(
        LocalAPIFault(
          line: "\(socket): what answers is no secrets-agent; name the daemon's socket with --socket",
          status: .unavailable))
    }
    return .success(answer)
  }

  /// Asks whether all that the daemon knows of is delivered and fresh enough; prints what is not.
  /// - Returns: the exit status where it is not ready, or cannot be asked.
  func readiness(on loop: EventLoop) async -> ExitCode? {
    let fault: LocalAPIFault
    switch await exchange(.get, ["readyz"], on: loop) {
    case .failure(let silence): fault = silence
    case .success(let response) where response.status == 200: return nil
    case .success(let response) where response.status == 503:
      fault = LocalAPIFault(line: Self.firstLine(response), status: .unavailable)
    case .success(let response): fault = Self.refusal(response)
    }
    faults.error(fault)
    return fault.status.code
  }

  private static func firstLine(_ response: HTTPResponse) -> String {
    ShownText.clean(response.body.unsafeString()?.split(separator: "\n").first.map(String.init) ?? "", atMost: 2000)
  }

  static func refusal(_ response: HTTPResponse) -> LocalAPIFault {
    LocalAPIFault(
      line: "the daemon refuses (status \(response.status)): \(firstLine(response))",
      status: response.status == 403 ? .denied : .unavailable)
  }

  /// One request and its answer, whatever it says.
  func exchange(
    _ method: HTTPMethod, _ path: [String], _ query: [(String, String)] = [], timeout: Duration = .seconds(10),
    on loop: EventLoop
  ) async -> Result<HTTPResponse, LocalAPIFault> {
    var options = HTTPClientOptions()
    options.unixSocket = socket
    options.addressRule = .any
    let client = HTTPClient(
      loop: loop, options: options, log: Logger(label: "client") { _ in SwiftLogNoOpLogHandler() })
    do {
      let plain = path.reduce(try HTTPURL(parsing: "http://localhost")) { $0.appending(segment: $1) }
      let url = query.isEmpty ? plain : plain.with(query: query)
      return .success(
        try await client.send(
          HTTPRequest(method: method, url: url, timeout: timeout, maximumResponseBytes: 256 << 20)))
    } catch {
      if let obstacle = SocketAccess.obstacle(socket) {
        return .failure(LocalAPIFault(line: "\(socket): \(obstacle)", status: .denied))
      }
      return .failure(LocalAPIFault(line: "\(socket): \(Self.silence(error, timeout))", status: .unavailable))
    }
  }

  /// Why there is no answer: a socket has no host and no port, which the failure would name.
  private static func silence(_ error: any Error, _ timeout: Duration) -> String {
    let failure = error as? TransportFailure
    if case .timedOut? = failure?.kind {
      return
        "the daemon gives no answer within \(timeout.components.seconds) s: it is stopped, or hangs; see its log, or restart it"
    }
    let words = failure.flatMap { $0.detail.isEmpty ? nil : $0.detail } ?? "\(error)"
    return "no daemon answers: \(words); start one, or name its socket with --socket"
  }

  static func onLoop<Outcome: Sendable>(_ body: @escaping @Sendable (EventLoop) async -> Outcome) throws -> Outcome {
    signal(SIGPIPE, SIG_IGN)
    guard let loop = try? EventLoop() else {
      throw ExitStatus.unavailable.code
    }
    return loop.run { await body(loop) }
  }
}

extension FaultPrinter {
  func error(_ fault: LocalAPIFault) {
    error(fault.line, ["class": "daemon"])
  }
}
