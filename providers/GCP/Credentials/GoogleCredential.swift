import ExecutionModel
import HTTPTransport
import JSONReader
import NodePolicy
import SecretBytes
import Text

/// What a token can be had with: a credential file read, or the machine itself.
indirect enum GoogleCredential: Sendable {
  case serviceAccount(ServiceAccountKey)
  case authorizedUser(AuthorizedUser)
  case externalAccount(ExternalAccount)
  case impersonated(Impersonation)
  case metadata

  /// Whether another issuer vouches for it, be it for an account that is acted as.
  var isFederated: Bool {
    switch self {
    case .externalAccount: true
    case .impersonated(let impersonation):
      if case .externalAccount = impersonation.source { true } else { false }
    case .serviceAccount, .authorizedUser, .metadata: false
    }
  }

  /// The same account with another subject token; `nil` where nobody else vouches for it.
  func vouchedFor(by token: IdentityTokenSource) -> GoogleCredential? {
    switch self {
    case .externalAccount(var account):
      account.source = .identity(token)
      return .externalAccount(account)
    case .impersonated(let impersonation):
      return impersonation.source.vouchedFor(by: token).map { .impersonated(impersonation.by($0)) }
    case .serviceAccount, .authorizedUser, .metadata: return nil
    }
  }

  /// What the platform vouches for, if it does.
  var identity: PlatformIdentity? {
    switch self {
    case .metadata: .gcpMetadata
    case .externalAccount: .gcpWorkloadIdentity
    case .impersonated(let impersonation): impersonation.source.identity
    case .serviceAccount, .authorizedUser: nil
    }
  }

  /// Where its token is asked for, beyond this machine.
  var addresses: [HTTPURL] {
    switch self {
    case .metadata: []
    case .serviceAccount(let key): [key.tokenURL]
    case .authorizedUser(let user): [user.tokenURL]
    case .externalAccount(let account):
      account.source.addresses.filter { !NodePolicy.isOfMachine($0) } + [account.tokenURL]
    case .impersonated(let impersonation): impersonation.source.addresses + [impersonation.url]
    }
  }

  static let tokenURL = "https://oauth2.googleapis.com/token"
}

/// A service account's key (https://cloud.google.com/iam/docs/keys-create-delete#creating).
struct ServiceAccountKey: Sendable {
  let email: String
  let keyID: String?
  /// PEM.
  let privateKey: SecretBytes
  let tokenURL: HTTPURL
  let quotaProject: String?

  init(_ json: JSONValue) throws(CredentialFault) {
    email = try json.line("client_email")
    keyID = try json.line(ifAny: "private_key_id")
    privateKey = try json.credential("private_key")
    tokenURL = try json.address("token_uri", otherwise: GoogleCredential.tokenURL)
    quotaProject = try json.line(ifAny: "quota_project_id")
  }
}

/// A person's consent, as `gcloud auth application-default login` leaves it.
struct AuthorizedUser: Sendable {
  let clientID: String
  let clientSecret: SecretBytes
  let refreshToken: SecretBytes
  /// Proves that the person confirmed the login lately, where an organisation asks for that.
  let reauthenticationProof: SecretBytes?
  let tokenURL: HTTPURL
  /// Separated by spaces; `nil`: what the person consented to.
  let scopes: String?
  let quotaProject: String?

  init(_ json: JSONValue) throws(CredentialFault) {
    clientID = try json.line("client_id")
    clientSecret = try json.credential("client_secret")
    refreshToken = try json.credential("refresh_token")
    reauthenticationProof = try json.credential(ifAny: "rapt_token")
    tokenURL = try json.address("token_uri", otherwise: GoogleCredential.tokenURL)
    // A list, or one text.
    let scopes = json.member("scopes")
    self.scopes =
      scopes?.text?.split(separator: " ").joined(separator: " ")
      ?? scopes?.elements.compactMap(\.text).joined(separator: " ")
    quotaProject = try json.line(ifAny: "quota_project_id")
  }
}

/// One account acting as another (https://cloud.google.com/iam/docs/service-account-impersonation).
struct Impersonation: Sendable {
  /// Seconds; what Google gives without a policy that allows more.
  static let standardLifetime: Int64 = 3600
  /// Seconds; what an organisation's policy can allow.
  static let longestLifetime: Int64 = 43_200

  let source: GoogleCredential
  /// `generateAccessToken` of the account.
  let url: HTTPURL
  let principal: String
  /// As `projects/-/serviceAccounts/EMAIL`, each of which may act as the next.
  var delegates: [String] = []
  var lifetime = standardLifetime
  let quotaProject: String?

  func by(_ source: GoogleCredential) -> Impersonation {
    Impersonation(
      source: source, url: url, principal: principal, delegates: delegates, lifetime: lifetime,
      quotaProject: quotaProject)
  }
}
