import ArgumentParser
import EventLoop
import Glibc
import HTTPTransport
import JSONReader
import Logging
import Text

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
    switch await exchange(method, path, query, on: loop) {
    case .failure(let code): return .failure(code)
    case .success(let response):
      if response.status == 429 {
        let wait = response.headers.first("Retry-After").flatMap { Int($0) }.map { "\($0) s" } ?? "at most 5 s"
        faults.error("it was asked for too soon after the last time; ask again in \(wait)", ["class": "daemon"])
        return .failure(ExitStatus.unavailable.code)
      }
      guard (200..<300).contains(response.status) else {
        return .failure(refusal(response))
      }
      guard let answer = try? JSONValue.parse(response.body, limits: JSONLimits(maximumBytes: 256 << 20)) else {
        faults.error(
          "\(socket): what answers is no secrets-agent; name the daemon's socket with --socket", ["class": "daemon"])
        return .failure(ExitStatus.unavailable.code)
      }
      return .success(answer)
    }
  }

  /// Asks whether all that the daemon knows of is delivered and fresh enough; prints what is not.
  /// - Returns: the exit status where it is not ready, or cannot be asked.
  func readiness(on loop: EventLoop) async -> ExitCode? {
    switch await exchange(.get, ["readyz"], on: loop) {
    case .failure(let code): return code
    case .success(let response) where response.status == 200: return nil
    case .success(let response) where response.status == 503:
      faults.error(Self.firstLine(response), ["class": "daemon"])
      return ExitStatus.unavailable.code
    case .success(let response): return refusal(response)
    }
  }

  private static func firstLine(_ response: HTTPResponse) -> String {
    ShownText.clean(response.body.unsafeString()?.split(separator: "\n").first.map(String.init) ?? "", atMost: 2000)
  }

  private func refusal(_ response: HTTPResponse) -> ExitCode {
    faults.error(
      "the daemon refuses (status \(response.status)): \(Self.firstLine(response))", ["class": "daemon"])
    return response.status == 403 ? ExitStatus.denied.code : ExitStatus.unavailable.code
  }

  /// One request and its answer, whatever it says; prints the fault where there is none.
  private func exchange(
    _ method: HTTPMethod, _ path: [String], _ query: [(String, String)] = [], on loop: EventLoop
  ) async -> Result<HTTPResponse, ExitCode> {
    var options = HTTPClientOptions()
    options.unixSocket = socket
    options.addressRule = .any
    let client = HTTPClient(
      loop: loop, options: options, log: Logger(label: "client") { _ in SwiftLogNoOpLogHandler() })
    do {
      let plain = path.reduce(try HTTPURL(parsing: "http://localhost")) { $0.appending(segment: $1) }
      let url = query.isEmpty ? plain : plain.with(query: query)
      return .success(try await client.send(HTTPRequest(method: method, url: url, maximumResponseBytes: 256 << 20)))
    } catch {
      if let obstacle = SocketAccess.obstacle(socket) {
        faults.error("\(socket): \(obstacle)", ["class": "daemon"])
        return .failure(ExitStatus.denied.code)
      }
      faults.error(
        "\(socket): no daemon answers: \(error); start one, or name its socket with --socket", ["class": "daemon"])
      return .failure(ExitStatus.unavailable.code)
    }
  }

  static func onLoop<Outcome: Sendable>(_ body: @escaping @Sendable (EventLoop) async -> Outcome) throws -> Outcome {
    signal(SIGPIPE, SIG_IGN)
    guard let loop = try? EventLoop() else {
      throw ExitStatus.invalidConfiguration.code
    }
    return loop.run { await body(loop) }
  }
}
