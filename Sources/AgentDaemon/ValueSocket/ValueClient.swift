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

  /// Why there are none for a volume.
  public enum VolumeFault: Error, Sendable, Equatable {
    /// A line a fault, or an entry that has no value.
    case nothing(VolumeProblem, [String])
    case other(Fault)
  }

  /// From the connection to the end of one answer; the daemon itself waits for a part of it.
  private static let answerTime = ValueAPI.patience + .seconds(10)
  /// The same for a volume, for which stores may have to be asked; the kubelet has two minutes.
  private static let volumeTime = Duration.seconds(50)
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

  /// What one volume of a pod is to hold.
  public func values(of volume: VolumeRequest) async throws(VolumeFault) -> ExecutionValues {
    let end = loop.now.advanced(by: Self.volumeTime)
    let response: HTTPResponse
    do throws(Fault) {
      response = try await send(.post, ["v1", "volumes"], volume.json, until: end, told: nil)
      if response.status == 200 {
        return try values(in: response)
      }
    } catch {
      throw .other(error)
    }
    guard let problem = VolumeProblem(rawValue: response.status) else {
      throw .other(fault(of: response))
    }
    throw .nothing(problem, Self.lines(response))
  }

  /// - Parameter told: what the daemon said last, which tells more than that there was no time left to hear it again.
  func ask(
    _ execution: String, until end: Moment, told: String?
  ) async throws(Fault) -> ExecutionValues {
    let limit = min(end, loop.now.advanced(by: Self.answerTime))
    return try values(
      in: try await send(.get, ["v1", "executions", execution, "values"], nil, until: limit, told: told))
  }

  private func send(
    _ method: HTTPMethod, _ path: [String], _ body: SecretBytes?, until end: Moment, told: String?
  ) async throws(Fault) -> HTTPResponse {
    let timeout = max(.milliseconds(1), loop.now.duration(to: end))
    do {
      let url = path.reduce(try HTTPURL(parsing: "http://localhost")) { $0.appending(segment: $1) }
      return try await client.send(
        HTTPRequest(
          method: method, url: url, body: body, timeout: timeout, maximumResponseBytes: ExecutionValues.mostBytes))
    } catch {
      let failure = error as? TransportFailure
      if case .timedOut? = failure?.kind {
        throw .notDelivered(told ?? "the daemon has not answered in time")
      }
      // libcurl's words alone: the socket has no host.
      let words = failure.flatMap { $0.detail.isEmpty ? nil : $0.detail }
      throw .unreachable("\(socket): no daemon answers: \(words ?? "\(error)")")
    }
  }

  private func values(in response: HTTPResponse) throws(Fault) -> ExecutionValues {
    guard response.status == 200 else {
      throw fault(of: response)
    }
    guard let values = ExecutionValues(json: response.body) else {
      throw .unreachable("\(socket): what answers is no secrets-agent")
    }
    return values
  }

  private func fault(of response: HTTPResponse) -> Fault {
    let reason = Self.lines(response).first ?? ""
    switch response.status {
    case 403: return .notAllowed("\(socket): \(reason); see values.allowed_users")
    case 404: return .unknown
    case 503: return .notDelivered(reason)
    default: return .unreachable("\(socket): status \(response.status): \(reason)")
    }
  }

  private static func lines(_ response: HTTPResponse) -> [String] {
    let text = response.body.unsafeString() ?? ""
    return text.split(separator: "\n").prefix(100).map { ShownText.clean(String($0), atMost: 500) }
  }
}
