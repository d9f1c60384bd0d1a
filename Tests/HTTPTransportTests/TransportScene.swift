import EventLoop
import Glibc
import HTTPTransport
import Logging
import SecretBytes
import Synchronization
import Testing
import Text

let silentLog = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Runs `body` as the root task of a new event loop.
func onLoop<Outcome: Sendable>(
  _ body: @escaping @Sendable (EventLoop) async throws -> Outcome
) throws -> Outcome {
  let loop = try EventLoop()
  let outcome = loop.run { () async -> Result<Outcome, any Error> in
    do {
      return .success(try await body(loop))
    } catch {
      return .failure(error)
    }
  }
  return try outcome.get()
}

/// An answer with its length.
func answer(_ body: String, status: String = "200 OK") -> String {
  "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

extension EventLoop {
  func client(_ change: (inout HTTPClientOptions) -> Void = { _ in }) -> HTTPClient {
    var options = HTTPClientOptions()
    change(&options)
    return HTTPClient(loop: self, options: options, log: silentLog)
  }
}

extension HTTPClient {
  func get(
    _ address: String, headers: [HTTPHeader] = [], timeout: Duration = .seconds(30), limit: Int = 1024 * 1024
  ) async throws -> HTTPResponse {
    try await send(
      HTTPRequest(
        method: .get, url: try HTTPURL(parsing: address), headers: headers, timeout: timeout,
        maximumResponseBytes: limit))
  }

  /// Why a GET of `address` fails; records an issue where it does not.
  func failure(
    _ address: String, headers: [HTTPHeader] = [], timeout: Duration = .seconds(30), limit: Int = 1024 * 1024,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> TransportFailure {
    try await #require(throws: TransportFailure.self, sourceLocation: sourceLocation) {
      _ = try await get(address, headers: headers, timeout: timeout, limit: limit)
    }
  }
}

/// That `failure` is of this kind; says in full what it is where it is not.
func expect(
  _ failure: TransportFailure, _ kind: TransportFailure.Kind, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(failure.kind == kind, "\(failure.kind): \(failure.detail)", sourceLocation: sourceLocation)
}

extension HTTPResponse {
  var text: String? { body.unsafeString() }
}

/// A folder of its own, removed with everything in it that the test names.
final class SocketPath: Sendable {
  let path: String
  private let folder: String

  init() throws {
    var template = Array("/tmp/transport-XXXXXX".utf8CString)
    folder = try #require(mkdtemp(&template).map { String(cString: $0) })
    path = folder + "/socket"
  }

  deinit {
    unlink(path)
    rmdir(folder)
  }
}
