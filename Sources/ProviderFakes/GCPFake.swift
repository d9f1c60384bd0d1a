import Glibc
import JSONReader
import SecretBytes

/// A local server that behaves as Google Cloud does towards a node: the OAuth token endpoint (a service account's JWT, whose
/// signature and claims it checks; refresh tokens), the Security Token Service (tokens of other issuers, and signed calls of AWS,
/// which it checks), the IAM Credentials API, the metadata server, and Secret Manager, global and regional, which checks a token's
/// life and scope.
///
/// One ``FakeStore/address`` is that of all services (`CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER`, `…_IAMCREDENTIALS`). Its clock
/// is the machine's plus what ``advance(seconds:)`` and ``setClock(unixTime:)`` added.
public final class GCPFake: FakeStore {
  public static let project = "demo-project"
  public static let projectNumber = "123456789012"
  public static let cloudScope = "https://www.googleapis.com/auth/cloud-platform"

  public let server: FakeServer
  private let core: GCPFakeCore

  /// `token_uri` of key files.
  public var tokenURL: String { address + GCPFakeCore.tokenPath }
  /// `token_url` of external accounts.
  public var exchangeURL: String { address + GCPFakeCore.exchangePath }
  /// Where subject tokens are served.
  public var subjectTokenURL: String { address + GCPFakeCore.subjectTokenPath }
  /// `GCE_METADATA_HOST`.
  public var metadataHost: String { "127.0.0.1:\(server.port)" }

  private init(server: FakeServer, core: GCPFakeCore) {
    self.server = server
    self.core = core
  }

  /// A Google Cloud with one project, and without accounts and secrets.
  public static func start(port: Int = 0, tls: FakeTLS = .none) async throws -> GCPFake {
    let core = GCPFakeCore()
    return GCPFake(server: try await .serving(core, port: port, tls: tls), core: core)
  }

  /// The same Google Cloud on one more port.
  public func listening(port: Int = 0, tls: FakeTLS) async throws -> GCPFake {
    GCPFake(server: try await server.joined(by: core, port: port, tls: tls), core: core)
  }

  // MARK: - Accounts

  public func addServiceAccount(_ email: String) {
    core.change { $0.accounts[email, default: .init()] = $0.accounts[email] ?? .init() }
  }

  /// An account with a key.
  ///
  /// - Returns: the key's file, as the console hands it out.
  @discardableResult
  public func addKey(_ key: JWTKey, id: String = "key-1", to email: String) -> String {
    core.change { $0.accounts[email, default: .init()].publicKeys[id] = key.publicPEM }
    return .object([
      ("type", .text("service_account")), ("project_id", .text(Self.project)), ("private_key_id", .text(id)),
      ("private_key", .text(key.privatePEM)), ("client_email", .text(email)), ("client_id", .text("1")),
      ("token_uri", .text(tokenURL)), ("universe_domain", .text("googleapis.com")),
    ])
  }

  /// Deletes an account's keys.
  public func deleteKeys(of email: String) {
    core.change { $0.accounts[email]?.publicKeys = [:] }
  }

  /// Grants `principal` the role to make tokens of `account`.
  public func allow(_ principal: String, toActAs account: String) {
    core.change { _ = $0.accounts[account, default: .init()].tokenCreators.insert(principal) }
  }

  /// A person who consented to an application.
  ///
  /// - Returns: the file, as gcloud writes it, with the fake's token endpoint.
  @discardableResult
  public func addUser(
    _ email: String, refreshToken: String, clientID: String = "client", clientSecret: String = "client-secret"
  ) -> String {
    core.change {
      $0.users[refreshToken] = .init(clientID: clientID, clientSecret: clientSecret, email: email)
    }
    return .object([
      ("type", .text("authorized_user")), ("client_id", .text(clientID)), ("client_secret", .text(clientSecret)),
      ("refresh_token", .text(refreshToken)), ("token_uri", .text(tokenURL)),
    ])
  }

  public func addPool(_ pool: GCPIdentityPool) {
    core.change { $0.pools[pool.audience] = pool }
  }

  /// The account that the metadata server speaks for; `nil` takes it away.
  public func assignMachineAccount(_ email: String?) {
    core.change { state in
      state.machineAccount = email
      if let email {
        state.accounts[email] = state.accounts[email] ?? .init()
      }
    }
  }

  /// What ``subjectTokenURL`` serves to who brings `header`.
  public func serveSubjectToken(_ body: String, header: (name: String, value: String)? = nil) {
    core.change { $0.subjectToken = (body, header) }
  }

  /// Serves an AWS machine's metadata at `/latest/…`.
  public func startAWSMachine(_ machine: GCPFakeAWSMachine) {
    core.change { $0.awsMachine = machine }
  }

  // MARK: - Secrets

  /// Adds a version.
  ///
  /// - Returns: its number.
  @discardableResult
  public func put(_ name: String, _ data: String, project: String = GCPFake.project, location: String? = nil) -> Int {
    core.change { state in
      let key = GCPFakeState.key(project, location, name)
      state.projects[project] = state.projects[project] ?? "\(100_000_000_000 + state.projects.count)"
      state.secrets[key, default: .init()].versions.append(.init(data: data))
      return state.secrets[key]?.versions.count ?? 0
    }
  }

  public func setState(_ name: String, version: Int, _ versionState: GCPSecretState, location: String? = nil) {
    core.change { state in
      let key = GCPFakeState.key(Self.project, location, name)
      guard state.secrets[key]?.versions.indices.contains(version - 1) == true else {
        return
      }
      state.secrets[key]?.versions[version - 1].state = versionState
    }
  }

  public func setAlias(_ alias: String, of name: String, to version: Int) {
    core.change { $0.secrets[GCPFakeState.key(Self.project, nil, name)]?.aliases[alias] = version }
  }

  /// An identity that may log in and not read.
  public func takeRights(of principal: String) {
    core.change { _ = $0.unprivileged.insert(principal) }
  }

  /// An identity that may read secrets and not list their versions.
  public func takeListing(of principal: String) {
    core.change { _ = $0.unlisting.insert(principal) }
  }

  /// How many versions one page of a list has at most.
  public func setPageSize(_ size: Int) {
    core.change { $0.mostListed = size }
  }

  /// The next `times` payloads go out with a checksum that is not theirs.
  public func spoilChecksums(times: Int) {
    core.change { $0.spoiltChecksums = times }
  }

  public func hideChecksums() {
    core.change { $0.hidesChecksums = true }
  }

  // MARK: - Time

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
    core.change { $0.clockOffset = Double(unixTime) - GCPFakeCore.clock() }
  }

  /// No token made so far is good any more.
  public func revokeAllTokens() {
    core.change { $0.tokens = [:] }
  }
}
