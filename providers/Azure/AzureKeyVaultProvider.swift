import EventLoop
import ExecutionModel
import HTTPTransport
import ProviderKit
import SecretBytes
import Synchronization

/// One connection to an Azure Key Vault.
public struct AzureKeyVaultProvider: SecretProvider {
  public static let descriptor = ProviderDescriptor.azureKeyVault

  private let failures: FailureMaker
  private let services: ProviderServices
  private let reader: KeyVaultReader
  private let audiences: KeyVaultAudiences
  private let tokens: AzureTokens

  public init(connection: ProviderConnection, services: ProviderServices) throws(DocumentFault) {
    let vault: HTTPURL
    do throws(URLFault) {
      vault = try HTTPURL(parsing: connection.fields.text("vault_url") ?? "")
    } catch {
      throw DocumentFault(connection.path("vault_url"), "\(error); write it as https://NAME.vault.azure.net")
    }
    self.failures = FailureMaker(connection: connection.name)
    self.services = services
    self.reader = KeyVaultReader(vault: vault, connection: connection.name, services: services)
    self.audiences = KeyVaultAudiences(reader: reader, connection: connection.name, services: services)
    let credential = AzureCredential(connection, cloud: .of(vault), services: services)
    self.tokens = AzureTokens(credential: credential, connection: connection.name, services: services)
  }

  public static func describe(_ reference: Reference) -> String {
    KeyVaultLookup(reference).description
  }

  public func checkAddresses() throws(ProviderFailure) {
    try tokens.checkAddresses()
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport {
    let audience = try await audiences.current(asking: nil)
    let login = try await tokens.current(for: audience.credential)
    let left = services.time.now.duration(to: login.credential.issuedAt.advanced(by: login.credential.lifetime))
    // To the second, rounded up, so that a token of an hour reads as one.
    let (seconds, rest) = left.components
    return LoginReport(identity: tokens.identity, lifetime: .seconds(max(seconds + (rest > 0 ? 1 : 0), 0)))
  }

  public func fetch(_ references: [Reference]) async -> [FetchResult] {
    let audience: KeyVaultAudiences.Held
    let login: AzureTokens.Session.Login
    do throws(ProviderFailure) {
      audience = try await audiences.current(asking: references.first.map { KeyVaultLookup($0) })
      login = try await tokens.current(for: audience.credential)
    } catch {
      return references.map { _ in .failure(error) }
    }
    return await inOrder(references, atMost: services.limits.inFlight) { reference in
      do throws(ProviderFailure) {
        return .success(try await fetch(KeyVaultLookup(reference), audience, login))
      } catch {
        return .failure(error)
      }
    }
  }

  /// Tokens are not revoked: Entra ID has no call for it, and they end by themselves.
  public func close(_ reason: CloseReason) async {}

  private func fetch(
    _ lookup: KeyVaultLookup, _ audience: KeyVaultAudiences.Held, _ login: AzureTokens.Session.Login
  ) async throws(ProviderFailure) -> FetchedSecret {
    do throws(ProviderFailure) {
      return try await reader.secret(lookup, token: login.credential.value)
    } catch {
      guard error.status == 401 else {
        throw error
      }
    }
    // The vault may want another audience by now (it moved), or the token was revoked: both are asked for anew, once for all that
    // were refused together.
    services.log.notice("token not accepted, logging in anew", metadata: ["provider": "\(failures.connection)"])
    let newAudience = try await audiences.replacing(audience, asking: lookup)
    let newLogin = try await tokens.replacing(login, for: newAudience.credential)
    do throws(ProviderFailure) {
      return try await reader.secret(lookup, token: newLogin.credential.value)
    } catch {
      guard error.status == 401 else {
        throw error
      }
      throw refused(error, newAudience.credential)
    }
  }

  private func refused(_ failure: ProviderFailure, _ audience: KeyVaultAudience) -> ProviderFailure {
    guard let tenant = audience.tenant else {
      return failure
    }
    return failures.make(
      .denied, failure.message, reference: failure.reference, status: failure.status,
      hint: "the vault belongs to the tenant \(DocumentPath.shown(tenant)); log in there")
  }
}
