import ExecutionModel
import NodePolicy
import Synchronization
import Text

/// What a credential rule made of one credential and one address.
public struct CredentialDecision: Sendable, Equatable {
  /// Name of the provider in the document.
  public let connection: String
  public let credential: NodeCredential
  public let address: HTTPURL
  /// The rule that decided, as `credentials.vault`.
  public let rule: String
  /// `nil`: it let the credential through.
  public let refusal: PolicyRefusal?

  /// `credentials.vault: lets the file /etc/… go to vault.example.com:8200 (provider vault)`.
  public var line: String {
    let way = "\(address.host):\(address.port) (provider \(ShownText.clean(connection)))"
    return refusal == nil
      ? "\(rule): lets \(credential.shown) go to \(way)" : "\(rule): refuses \(credential.shown) to \(way)"
  }
}

/// What the credential rules decided, for whoever wants to tell of it.
public final class CredentialDecisions: Sendable {
  private let noted = Mutex<[CredentialDecision]>([])

  public init() {}

  /// Each once, in the order in which they were made.
  public var all: [CredentialDecision] { noted.withLock { $0 } }

  func note(_ decision: CredentialDecision) {
    noted.withLock { noted in
      if !noted.contains(where: { $0.line == decision.line }) {
        noted.append(decision)
      }
    }
  }
}
