import ProviderKit
import Synchronization

/// The tokens of one connection's identity, shared with all connections of the same one.
final class AzureTokens: Sendable {
  typealias Session = RenewingSession<AzureAccessToken>

  private let credential: AzureCredential
  private let services: ProviderServices
  private let failures: FailureMaker
  /// By resource. Holding them keeps them shared.
  private let sessions = Mutex<[String: Session]>([:])

  init(credential: AzureCredential, connection: String, services: ProviderServices) {
    self.credential = credential
    self.services = services
    self.failures = FailureMaker(connection: connection)
  }

  /// Who logs in, for reports.
  var identity: String { credential.shownIdentity }

  func checkAddresses() throws(ProviderFailure) { try credential.checkAddresses() }

  func current(for audience: KeyVaultAudience) async throws(ProviderFailure) -> Session.Login {
    let session = session(for: audience)
    do throws(ProviderFailure) {
      return try await session.current()
    } catch {
      throw failures.own(error)
    }
  }

  /// A token newer than `refused`, or one for another audience.
  func replacing(
    _ refused: Session.Login, for audience: KeyVaultAudience
  ) async throws(ProviderFailure) -> Session.Login {
    let session = session(for: audience)
    do throws(ProviderFailure) {
      return try await session.replacing(refused)
    } catch {
      throw failures.own(error)
    }
  }

  private func session(for audience: KeyVaultAudience) -> Session {
    sessions.withLock { sessions in
      if let session = sessions[audience.resource] {
        return session
      }
      let session = services.shared.session(of: credential.identity(for: audience.resource)) {
        Session(connection: failures.connection, services: services, due: \.renewAt) {
          [credential] () async throws(ProviderFailure) in try await credential.token(for: audience).grant
        }
      }
      sessions[audience.resource] = session
      return session
    }
  }

}
