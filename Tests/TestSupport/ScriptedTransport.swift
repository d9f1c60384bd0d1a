import EventLoop
import HTTPTransport
import Logging
import NodePolicy
import ProviderKit
import SecretBytes
import Synchronization

/// Answers requests by a function, and remembers them.
public final class ScriptedTransport: HTTPSending {
  public typealias Answer = @Sendable (HTTPRequest, Int) -> Result<HTTPResponse, TransportFailure>

  private let answer: Answer
  private let sent = Mutex<[HTTPRequest]>([])

  /// - Parameter answer: given the request and how many came before it.
  public init(_ answer: @escaping Answer) {
    self.answer = answer
  }

  public var requests: [HTTPRequest] { sent.withLock { $0 } }

  public func send(_ request: HTTPRequest) async throws(TransportFailure) -> HTTPResponse {
    let number = sent.withLock { sent in
      sent.append(request)
      return sent.count - 1
    }
    return try answer(request, number).get()
  }
}

extension ProviderServices {
  /// Services for a test: everything allowed, virtual time, no jitter, no log.
  public static func testing(
    transport: @escaping @Sendable (HTTPClientOptions) -> any HTTPSending,
    time: any TimeSource = ManualTime(skipsSleeps: true),
    policy: NodePolicy = .personal, random: Double = 0.5, environment: [String: String] = [:],
    executor: EventLoop? = nil
  ) -> ProviderServices {
    ProviderServices(
      transport: transport, time: time, random: { random },
      environment: NodeEnvironment(policy: policy) { environment[$0].map { SecretBytes($0) } }, policy: policy,
      log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, executor: executor)
  }
}
