import ExecutionModel
import HTTPTransport
import NodePolicy
import SecretBytes
import Synchronization

/// What every adapter needs of its connection: clients that the policy lets through, calls that are tried again out of one budget,
/// logins that are shared and renewed, credentials from where documents name them, and failures in one form.
public final class OpenConnection: Sendable {
  /// Name of the provider in the document.
  public let name: String
  public let services: ProviderServices
  /// Counts of the connection; calls and sessions keep them.
  public let metrics: ConnectionMetrics
  /// What serves the machine's own identity, where a login found it without having been told that it is there.
  public let machineIdentity = SeenOnce()
  /// Reads, logins and renewals alike are tried again out of it.
  let retryBudget = RetryBudget()
  /// Whether documents can give the connection a CA of its own.
  let takesCA: Bool
  let clients = Mutex<[Route: Client]>([:])
  let credentials: WithheldCredentials
  let binding = CredentialBinding()

  public init(
    named name: String, services: ProviderServices, metrics: ConnectionMetrics = ConnectionMetrics(),
    takesCA: Bool = false
  ) {
    self.name = name
    self.services = services
    self.metrics = metrics
    self.takesCA = takesCA
    credentials = WithheldCredentials(hiding: services.hidden)
  }

  /// Makes failures that repeat none of the connection's credentials, and no value in use.
  public var failures: FailureMaker {
    FailureMaker(connection: name, withholding: credentials, hiding: services.hidden)
  }

  /// Sees to it that no message repeats `credential`. What documents, files and variables gave and what went into secret headers is
  /// withheld already.
  public func withhold(_ credential: SecretBytes) {
    credentials.add(credential)
  }

  /// - Throws: a failure of the class `policy` where the policy does not let `check` through.
  public func allowed<Value>(
    _ check: (NodePolicy) throws(PolicyRefusal) -> Value
  ) throws(ProviderFailure) -> Value {
    do throws(PolicyRefusal) {
      return try check(services.policy)
    } catch {
      throw failures.refused(error)
    }
  }
}
