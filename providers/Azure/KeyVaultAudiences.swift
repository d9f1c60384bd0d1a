import ProviderKit
import Synchronization

/// What one vault wants tokens for: asked once, however many secrets are fetched, and kept.
struct KeyVaultAudiences: Sendable {
  typealias Held = LoginSession<KeyVaultAudience>.Login

  private final class Asked: Sendable {
    let lookup = Mutex<KeyVaultLookup?>(nil)
  }

  private let asked = Asked()
  private let session: LoginSession<KeyVaultAudience>

  init(reader: KeyVaultReader, connection: String, services: ProviderServices) {
    let asked = asked
    // A challenge is held as logins are: single flight, replaced once after a refusal, failures kept for a while.
    session = LoginSession(connection: connection, services: services) { () async throws(ProviderFailure) in
      let lookup = asked.lookup.withLock { $0 }
      return .init(credential: try await reader.audience(asking: lookup), until: nil)
    }
  }

  /// - Parameter lookup: what will be fetched: its address is asked.
  func current(asking lookup: KeyVaultLookup?) async throws(ProviderFailure) -> Held {
    asked.lookup.withLock { $0 = lookup }
    return try await session.current()
  }

  func replacing(_ held: Held, asking lookup: KeyVaultLookup) async throws(ProviderFailure) -> Held {
    asked.lookup.withLock { $0 = lookup }
    return try await session.replacing(held)
  }
}
