import Glibc
import JSONReader
import SecretBytes
import Synchronization

/// A local server that behaves as Azure does towards a node: Entra ID's token endpoint (client secrets; federated tokens, whose
/// signature and claims it checks), the token services of managed identities (instance metadata, App Service, Arc), and one Key
/// Vault that challenges, and checks a token's audience, tenant and life.
///
/// Its one ``FakeStore/address`` is the vault's, the authority's (`AZURE_AUTHORITY_HOST`), and the instance metadata service's
/// (`AZURE_POD_IDENTITY_AUTHORITY_HOST`). Its clock is the machine's plus what ``advance(seconds:)`` and ``setClock(unixTime:)`` added.
public final class AzureFake: FakeStore {
  /// The tenant that holds applications and vault where a call names no other.
  public static let tenant = "5f3c2a10-0000-4000-8000-00000000a2ce"
  /// What the vault wants tokens for: a loopback host, as the agent asks of a vault on loopback.
  public static let resource = "https://127.0.0.1"
  /// What App Service wants as `X-IDENTITY-HEADER`.
  public static let identityHeader = "fake-identity-header"

  public let server: FakeServer
  private let core: AzureFakeCore

  /// `IDENTITY_ENDPOINT` of App Service and Container Apps.
  public var appServiceEndpoint: String { address + AzureFakeCore.appServicePath }
  /// `IDENTITY_ENDPOINT` of Azure Arc.
  public var arcEndpoint: String { address + AzureFakeCore.arcPath }

  private init(server: FakeServer, core: AzureFakeCore) {
    self.server = server
    self.core = core
  }

  /// An Azure without applications, identities and secrets.
  public static func start(port: Int = 0, tls: FakeTLS = .none) async throws -> AzureFake {
    let core = AzureFakeCore()
    return AzureFake(server: try await .serving(core, port: port, tls: tls), core: core)
  }

  /// The same Azure on one more port.
  public func listening(port: Int = 0, tls: FakeTLS) async throws -> AzureFake {
    AzureFake(server: try await server.joined(by: core, port: port, tls: tls), core: core)
  }

  // MARK: - What it holds

  /// An application with a client secret.
  public func addClient(
    _ id: String, secret: String, tenant: String = AzureFake.tenant, secretHasExpired: Bool = false
  ) {
    core.change {
      $0.applications[tenant, default: [:]][id, default: .init()].secret = secret
      $0.applications[tenant]?[id]?.secretHasExpired = secretHasExpired
    }
  }

  /// An application that trusts another issuer's tokens.
  public func addFederation(client: String, _ federation: AzureFederation, tenant: String = AzureFake.tenant) {
    core.change { $0.applications[tenant, default: [:]][client, default: .init()].federations.append(federation) }
  }

  /// The machine's own identity; `nil` takes it away.
  public func assignSystemIdentity(_ client: String?) {
    core.change { $0.systemIdentity = client }
  }

  public func assignUserIdentity(_ client: String) {
    core.change { _ = $0.userIdentities.insert(client) }
  }

  /// Starts an Arc agent that puts its challenge files into `folder`.
  public func startArc(folder: String) {
    core.change { $0.arcFolder = folder }
  }

  /// Writes a new version of a secret.
  ///
  /// - Returns: the version's name.
  @discardableResult
  public func put(_ name: String, _ value: String, _ state: AzureSecretState = AzureSecretState()) -> String {
    core.change { fake in
      let number = fake.next()
      let digits = String(number, radix: 16)
      let id = String(repeating: "a", count: 32 - digits.count) + digits
      fake.secrets[name, default: []].append(
        .init(id: id, value: value, state: state, created: state.created ?? 1_700_000_000 + number))
      return id
    }
  }

  /// Soft-deletes a secret: it is not found any more.
  public func delete(_ name: String) {
    core.change { $0.secrets[name] = nil }
  }

  /// An identity that may log in and not read.
  public func takeRights(of client: String) {
    core.change { _ = $0.unprivileged.insert(client) }
  }

  // MARK: - How it behaves

  /// What the vault's challenge asks a token for, and what it accepts.
  public func setResource(_ resource: String) {
    core.change { $0.resource = resource }
  }

  /// A `WWW-Authenticate` in the place of the vault's own.
  public func setChallenge(_ header: String?) {
    core.change { $0.challenge = header }
  }

  /// The vault trusts another tenant from now on.
  public func moveVault(to tenant: String) {
    core.change { $0.vaultTenant = tenant }
  }

  /// How many versions one page of a list has at most.
  public func setPageSize(_ size: Int) {
    core.change { $0.mostListed = size }
  }

  /// What lists give as the link to their next page, in the place of their own; `nil`: their own.
  public func setNextLink(_ link: String?) {
    core.change { $0.nextLink = link }
  }

  /// Changes what a version says beside its value.
  public func setState(_ name: String, version: String, _ state: AzureSecretState) {
    core.change { fake in
      if let place = fake.secrets[name]?.firstIndex(where: { $0.id == version }) {
        fake.secrets[name]?[place].state = state
      }
    }
  }

  /// Whether secrets are refused before and after their dates. The service as it is documented serves them all the same.
  public func refuseOutsideDates(_ refuses: Bool = true) {
    core.change { $0.refusesOutsideDates = refuses }
  }

  /// How long tokens made from now on live.
  public func setTokenLifetime(seconds: Int) {
    core.change { $0.tokenSeconds = seconds }
  }

  /// Moves its clock on.
  public func advance(seconds: Double) {
    core.change { $0.clockOffset += seconds }
  }

  /// Sets its clock.
  public func setClock(unixTime: Int64) {
    core.change { $0.clockOffset = Double(unixTime) - AzureFakeCore.clock() }
  }

  /// No token made so far is good any more.
  public func revokeAllTokens() {
    core.change { $0.tokens = [:] }
  }
}
