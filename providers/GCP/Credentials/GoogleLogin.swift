import ExecutionModel
import HTTPTransport
import ProviderKit
import Text

/// What a connection logs in by. Connections with equal ones share their tokens: what the environment names is the same for all.
struct GoogleLogin: Sendable, Hashable {
  enum Source: Sendable, Hashable {
    case serviceAccountKey(file: String)
    case credentialFile(String)
    case metadata
    /// - Parameter token: in the place of the one that the file leads to.
    case workloadIdentity(file: String?, token: IdentityTokenSource?)
    /// Application default credentials.
    case standard
  }

  let source: Source
  /// E-mail address of a service account to act as.
  let account: String?
  /// What Secret Manager wants.
  let scope = "https://www.googleapis.com/auth/cloud-platform"

  init(_ values: ConnectionValues) throws(FieldFault) {
    source = try Self.declaration.login(of: values)
    account = values.authentication[Self.account]
  }

  func session(over connection: OpenConnection) -> Session<GoogleAccessToken> {
    connection.services.shared.session(of: self) {
      Session(over: connection) { () async throws(ProviderFailure) in
        let token = try await token(over: connection)
        connection.services.log.debug(
          "logged in", metadata: ["provider": "\(connection.name)", "as": "\(token.principal)"])
        return Session.Grant(credential: token, until: token.until, renewAt: token.renewAt)
      }
    }
  }

  private func token(over connection: OpenConnection) async throws(ProviderFailure) -> GoogleAccessToken {
    var credential = try await CredentialSearch(connection: connection).credential(of: source)
    if let account, let url = try impersonationURL(over: connection) {
      credential = .impersonated(Impersonation(source: credential, url: url, principal: account, quotaProject: nil))
    }
    // All that the file names is known now: none of it is asked where another of it may not be.
    if let identity = credential.identity {
      try connection.takeUp(.identity(identity))
    }
    for url in credential.addresses {
      try connection.leads(to: url)
    }
    return try await TokenService(connection: connection).token(of: credential, scope: scope)
  }

  /// `generateAccessToken` of the account; `nil` where there is none.
  func impersonationURL(over connection: OpenConnection) throws(ProviderFailure) -> HTTPURL? {
    guard let account else {
      return nil
    }
    let service = try connection.address(
      "https://iamcredentials.googleapis.com", unlessIn: GoogleVariable.iamCredentialsEndpoint)
    return try connection.method("v1/projects/-/serviceAccounts", "/\(account):generateAccessToken", of: service)
  }

  // MARK: - The `auth` block

  private static let account = Field<String>(
    "impersonate_service_account",
    // It becomes part of a path.
    .grammar(.word(1...254, "@.-_", "a service account, as web@shop.iam.gserviceaccount.com")),
    "e-mail address of a service account to act as; needs roles/iam.serviceAccountTokenCreator on it")
  private static let key = Field<String>(
    "service_account_key_file", .file, required: true, "the key, as JSON of type service_account; read at each login")
  private static let file = Field<String>("path", .file, required: true, "the file, as JSON; read at each login")
  private static let configuration = Field<String>(
    "path", .file, defaultsTo: GoogleVariable.credentials,
    "configuration of type external_account; without it and the variable, the metadata server")

  static let declaration = Authentication<Source>(
    isRequired: false,
    methods: [
      LoginMethod(
        "service_account_key", aliases: ["service_account", "service_account_key_file"],
        "a service account's key file; a JWT that it signs is given for a token", fields: [key.descriptor]
      ) { values throws(FieldFault) in .serviceAccountKey(file: try values.required(key)) },
      LoginMethod(
        "file", aliases: ["credentials_file"],
        "a credential file of any type: service_account, authorized_user, external_account, impersonated_service_account",
        fields: [file.descriptor]
      ) { values throws(FieldFault) in .credentialFile(try values.required(file)) },
      LoginMethod(
        "metadata", aliases: ["metadata_server", "gce", "instance"],
        "the service account of the machine or pod, by the metadata server", identity: .gcpMetadata
      ) { _ in .metadata },
      LoginMethod(
        "workload_identity", aliases: ["workload_identity_federation", "wif", "external_account"],
        "workload identity federation: another issuer's token, exchanged for Google's; on GKE, the metadata server",
        fields: [configuration.descriptor, IdentityTokenSource.spiffe.descriptor]
      ) { values in
        .workloadIdentity(
          file: values[configuration], token: values[IdentityTokenSource.spiffe].map { .spiffe(audience: $0) })
      },
      LoginMethod(
        "default", aliases: ["adc", "application_default", "iam"],
        "application default credentials: the first that is there of GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, "
          + "the metadata server"
      ) { _ in .standard },
    ],
    commonFields: [account.descriptor], defaultMethod: "default")
}
