import ExecutionModel
import HTTPTransport
import Logging
import NodePolicy
import ProviderKit
import Resolution

/// Logs in to connections over a network that carries nothing, so that the node's credential rules tell what they make of each login:
/// by the same steps that it takes in earnest, files and variables of the node included, up to the first call.
///
/// No program is run, and what fails for another reason than a rule is not told: whether a login works says `check --auth`.
struct CredentialRehearsal {
  /// Fails every call before anything is sent, for good.
  private struct NoNetwork: HTTPSending {
    func send(_ request: HTTPRequest) async throws(TransportFailure) -> HTTPResponse {
      throw TransportFailure(
        kind: .invalidRequest, host: "\(request.url.host):\(request.url.port)", detail: "nothing is sent by a rehearsal"
      )
    }
  }

  let policy: NodePolicy
  let runtime: AgentRuntime

  func decisions(about connections: [ProviderConnection]) async -> [CredentialDecision] {
    let decisions = CredentialDecisions()
    // Without an executor, nothing can watch a process, so none is started.
    let services = ProviderServices(
      transport: { _ in NoNetwork() }, time: runtime.loop, environment: NodeEnvironment(policy: policy), policy: policy,
      log: Logger(label: "rehearsal") { _ in SwiftLogNoOpLogHandler() }, decisions: decisions)
    let pool = ProviderPool(registry: registry, services: services)
    for connection in connections {
      _ = try? await pool.provider(connection).logIn()
    }
    return decisions.all
  }
}
