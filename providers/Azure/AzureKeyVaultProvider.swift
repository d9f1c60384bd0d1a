import ExecutionModel
import HTTPTransport
import ProviderKit
import SecretBytes
import Synchronization
import Text

/// Secrets of Azure Key Vault (https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret).
public struct AzureKeyVaultProvider: SecretProvider {
  public struct Connection: Sendable {
    let vault: HTTPURL
    let login: AzureLogin
  }

  public struct Lookup: SecretLookup {
    let name: String
    let version: String?

    /// Below the vault's address. The newest version has an empty name.
    var path: String { version.map { "secrets/\(name)/\($0)" } ?? "secrets/\(name)/" }

    public var previousObstacle: String? { nil }

    public var description: String {
      ShownText.clean(version.map { "secrets/\(name)/\($0)" } ?? "secrets/\(name)", atMost: 200)
    }
  }

  private static let vault = Field<HTTPURL>(
    "vault_url", .origin, required: true, "the vault, as https://shop.vault.azure.net")
  /// https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#vault-name-and-object-name.
  private static let name = Field<String>(
    "secret_name", .grammar(.word(1...127, "-", "1 to 127 letters, digits and '-'")), required: true,
    "name of the secret")
  private static let version = Field<String>(
    "version", .version(.identifier), "version of the secret; pinned, so never refreshed")

  public static let declaration = ProviderDeclaration<Connection, Lookup>(
    type: "azure_key_vault",
    summary: "Azure Key Vault: secrets, by a service principal, a workload identity or a managed identity",
    connection: [vault.descriptor], authentication: AzureLogin.authentication.descriptor,
    makeConnection: { values throws(FieldFault) in
      Connection(vault: try values.fields.required(vault), login: try AzureLogin.authentication.login(of: values))
    },
    lookup: [name.descriptor, version.descriptor, PreviousVersion.field.descriptor], pinningFields: ["version"],
    makeLookup: { values, _ throws(FieldFault) in
      Lookup(name: try values.required(name), version: values[version])
    })

  /// What a vault takes, held as logins are: asked for once, replaced once after a refusal, failures kept for a while.
  private struct Access: Sendable {
    let audience: KeyVaultAudience
    let tokens: Session<AzureAccessToken>
  }

  private final class Asked: Sendable {
    let lookup = Mutex<Lookup?>(nil)
  }

  private let connection: OpenConnection
  private let vault: KeyVault
  private let credential: AzureCredential
  private let access: Session<Access>
  /// What is fetched: its address is asked for the challenge.
  private let asked = Asked()

  public init(_ settings: Connection, over connection: OpenConnection) {
    let vault = KeyVault(settings.vault, over: connection)
    let credential = AzureCredential(
      login: settings.login, authority: AzureCloud.of(settings.vault).authority, connection: connection)
    connection.expects(settings.vault)
    self.connection = connection
    self.vault = vault
    self.credential = credential
    access = Session(over: connection, isCounted: false) { [asked] () throws(ProviderFailure) in
      // Before the vault is bothered.
      try credential.checkSource()
      let audience = try await vault.audience(asking: asked.lookup.withLock { $0 })
      return .init(credential: Access(audience: audience, tokens: credential.tokens(for: audience)), until: nil)
    }
  }

  public func checkAddresses() throws(ProviderFailure) {
    try credential.checkAddresses()
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport {
    let tokens = try await connection.login(to: access).credential.tokens
    let token = try await connection.login(to: tokens).credential
    let end = token.issuedAt.advanced(by: token.lifetime)
    return LoginReport(identity: credential.login.shown, left: connection.services.time.now.duration(to: end))
  }

  /// Tokens are not revoked at the end: Entra ID has no call for it, and they end by themselves.
  public func fetch(_ lookups: [Lookup]) async -> [FetchResult] {
    asked.lookup.withLock { $0 = lookups.first }
    return await connection.fetchEach(lookups, with: access, isRefused: { _, _ in false }, read)
  }

  /// Versions have no numbers, so the list of them says which was made before the one that was read.
  public func pair(_ secret: FetchedSecret, of lookup: Lookup) async throws(ProviderFailure) -> FetchedSecret {
    guard let version = secret.version else {
      throw connection.failures.make(
        .malformed, "the answer does not say which version it is", reference: lookup.description)
    }
    let login = try await connection.login(to: access)
    let before = try await using(login) { token, tenant throws(ProviderFailure) in
      try await vault.version(before: version, of: lookup, token: token, tenant: tenant)
    }
    guard let before else {
      return secret.with(.absent("no enabled version was made before it"))
    }
    guard let read = await fetch([Lookup(name: lookup.name, version: before)]).first else {
      return secret
    }
    return try secret.with(read)
  }

  @Sendable private func read(
    _ lookup: Lookup, _ login: Session<Access>.Login
  ) async throws(ProviderFailure) -> FetchedSecret {
    try await using(login) { token, tenant throws(ProviderFailure) in
      try await vault.secret(lookup, token: token, tenant: tenant)
    }
  }

  /// Does `work` with a token, and with a new one where that is refused.
  ///
  /// - Parameter work: gets the token, and the tenant that the vault trusts, as far as it said.
  private func using<Output>(
    _ login: Session<Access>.Login, _ work: (SecretBytes, String?) async throws(ProviderFailure) -> Output
  ) async throws(ProviderFailure) -> Output {
    let tokens = login.credential.tokens
    let token = try await connection.login(to: tokens)
    do throws(ProviderFailure) {
      return try await work(token.credential.value, nil)
    } catch {
      guard error.kind == .denied, error.status == 401 else {
        throw error
      }
    }
    // The vault may want another audience by now (it moved), or the token was revoked: both are asked for anew, once for all that
    // were refused together.
    await tokens.forget(token)
    let new = try await connection.login(to: access, replacing: login).credential
    let newToken = try await connection.login(to: new.tokens)
    return try await work(newToken.credential.value, new.audience.tenant)
  }
}
