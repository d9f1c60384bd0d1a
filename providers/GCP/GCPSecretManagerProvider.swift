import EventLoop
import ExecutionModel
import HTTPTransport
import ProviderKit
import Text

/// One connection to Google Cloud's Secret Manager.
public struct GCPSecretManagerProvider: SecretProvider {
  /// An entry of `secret_providers`.
  public struct Connection: Sendable {
    fileprivate static let endpoint = Field<HTTPURL>(
      "endpoint_url", .address, extension: true,
      "another address than Google's own, as a Private Service Connect endpoint's")

    let parent: SecretParent
    let endpoint: HTTPURL?
    let login: GoogleLogin

    fileprivate init(_ values: ConnectionValues) throws(FieldFault) {
      parent = try SecretParent(values.fields)
      endpoint = values.fields[Self.endpoint]
      login = try GoogleLogin(values)
    }
  }

  /// `gcp_secret_manager`: Google Cloud's Secret Manager
  /// (https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access).
  public static let declaration = ProviderDeclaration<Connection, SecretVersionName>(
    type: "gcp_secret_manager",
    summary:
      "Google Cloud Secret Manager, global and regional, by application default credentials or a method of choice",
    connection: SecretParent.fields + [Connection.endpoint.descriptor],
    authentication: GoogleLogin.declaration.descriptor,
    makeConnection: { values throws(FieldFault) in try Connection(values) },
    lookup: SecretVersionName.fields, pinningFields: ["version"],
    makeLookup: { values, connection throws(FieldFault) in try SecretVersionName(values, in: connection.parent) })

  private let connection: OpenConnection
  private let login: GoogleLogin
  private let reader: SecretManagerReader
  let session: Session<GoogleAccessToken>

  public init(_ settings: Connection, over connection: OpenConnection) {
    self.connection = connection
    login = settings.login
    reader = SecretManagerReader(settings, over: connection)
    if case .success(let url) = reader.endpoint {
      connection.expects(url)
    }
    session = settings.login.session(over: connection)
  }

  public func checkAddresses() throws(ProviderFailure) {
    for url in [try reader.endpoint.get(), try login.impersonationURL(over: connection)] {
      if let url {
        try connection.check(url, .network(url))
      }
    }
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport {
    let token = try await connection.login(to: session).credential
    return LoginReport(identity: token.principal, left: connection.services.time.now.duration(to: token.end))
  }

  /// Tokens are not revoked at the end: service accounts' have no call for it, and all of them end by themselves.
  public func fetch(_ names: [SecretVersionName]) async -> [FetchResult] {
    await connection.fetchEach(names, with: session) { name, login throws(ProviderFailure) in
      try await reader.read(name, login.credential)
    }
  }

  /// The version before has the number before, which is read without asking for more rights; only where that one is disabled or
  /// destroyed the list is asked for another one that is enabled.
  public func pair(
    _ secret: FetchedSecret, of name: SecretVersionName
  ) async throws(ProviderFailure) -> FetchedSecret {
    guard let number = secret.version.flatMap({ Int64($0) }), number > 0 else {
      throw connection.failures.make(
        .malformed, "the answer does not say which version it is", reference: name.description)
    }
    guard number > 1 else {
      return secret.with(.absent("version 1 is the first"))
    }
    let neighbour = try await previous(name.at(number - 1), to: secret)
    guard case .absent? = neighbour.previous, number > 2 else {
      return neighbour
    }
    let found = try await listed(before: number - 1, of: name)
    guard let found else {
      return neighbour
    }
    return try await previous(name.at(found), to: secret)
  }

  private func previous(
    _ name: SecretVersionName, to secret: FetchedSecret
  ) async throws(ProviderFailure) -> FetchedSecret {
    guard let read = await fetch([name]).first else {
      return secret
    }
    return try secret.with(read)
  }

  private func listed(before number: Int64, of name: SecretVersionName) async throws(ProviderFailure) -> Int64? {
    let login = try await connection.login(to: session)
    let isRefused: OpenConnection.Refusal<GoogleAccessToken> = { failure, _ in
      failure.kind == .denied && failure.status == 401
    }
    return try await connection.using(login, of: session, isRefused: isRefused) { login throws(ProviderFailure) in
      try await reader.enabledVersion(before: number, of: name, login.credential)
    }
  }
}
