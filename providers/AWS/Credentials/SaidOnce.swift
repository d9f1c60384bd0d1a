import ProviderKit
import Synchronization

/// What AWS connections have said in the log: many look at the same places, and would say the same of them.
final class SaidOnce: Sendable {
  private struct Identity: Hashable, Sendable {}

  /// More than there are places.
  private static let most = 100

  private let said = Mutex<Set<String>>([])

  /// The one that the connections of a process share.
  static func shared(by services: ProviderServices) -> SaidOnce {
    services.shared.session(of: Identity()) { SaidOnce() }
  }

  func isNew(_ line: String) -> Bool {
    said.withLock { said in
      if said.count >= Self.most {
        said = []
      }
      return said.insert(line).inserted
    }
  }

  /// From now on all is news again.
  func forget() { said.withLock { $0 = [] } }
}
