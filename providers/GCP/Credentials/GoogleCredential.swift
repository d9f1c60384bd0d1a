import HTTPTransport
import SecretBytes

/// What a token can be had with: a credential file read, or the machine itself.
indirect enum GoogleCredential: Sendable {
  case serviceAccount(ServiceAccountKey)
  case authorizedUser(AuthorizedUser)
  case externalAccount(ExternalAccount)
  case impersonated(Impersonation)
  case metadata

  /// The project that the credential's file wants calls counted on.
  var quotaProject: String? {
    switch self {
    case .serviceAccount(let key): key.quotaProject
    case .authorizedUser(let user): user.quotaProject
    case .externalAccount(let account): account.quotaProject
    case .impersonated(let impersonation): impersonation.quotaProject
    case .metadata: nil
    }
  }
}

/// A service account's key (https://cloud.google.com/iam/docs/keys-create-delete#creating).
struct ServiceAccountKey: Sendable {
  let email: String
  let keyID: String?
  /// PEM.
  let privateKey: SecretBytes
  let tokenURL: HTTPURL
  let quotaProject: String?
}

/// A person's consent, as `gcloud auth application-default login` leaves it.
struct AuthorizedUser: Sendable {
  let clientID: String
  let clientSecret: SecretBytes
  let refreshToken: SecretBytes
  let tokenURL: HTTPURL
  /// Empty: what the person consented to.
  let scopes: [String]
  let quotaProject: String?
}

/// Workload identity federation (https://google.aip.dev/auth/4117).
struct ExternalAccount: Sendable {
  struct Format: Sendable {
    /// The member of a JSON object that is the token; `nil`: the whole text is.
    let fieldName: String?
  }

  enum Source: Sendable {
    case file(path: String, Format)
    case address(HTTPURL, headers: [HTTPHeader], Format)
    case aws(AWSIdentitySource)
  }

  struct Client: Sendable {
    let id: String
    let secret: SecretBytes
  }

  let audience: String
  let subjectTokenType: String
  let tokenURL: HTTPURL
  let source: Source
  /// Authenticates the exchange itself; workforce pools may want it.
  let client: Client?
  /// Counts the exchange, for workforce pools.
  let userProject: String?
  let quotaProject: String?
}

/// Where an AWS-sourced identity comes from (`environment_id: aws1`).
struct AWSIdentitySource: Sendable {
  /// With `{region}` in it.
  let verificationURL: String
  let regionURL: HTTPURL?
  let credentialsURL: HTTPURL?
  let sessionTokenURL: HTTPURL?
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
  let delegates: [String]
  let lifetime: Int64
  let quotaProject: String?
}
