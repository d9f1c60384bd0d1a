import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes

/// Turns a credential into an access token.
struct GoogleLogin: Sendable {
  /// What Secret Manager wants.
  static let cloudScope = "https://www.googleapis.com/auth/cloud-platform"
  /// What is enough to act as another account.
  static let impersonationScope = "https://www.googleapis.com/auth/iam"

  let calls: GoogleCalls
  let environment: GoogleEnvironment
  let metadata: MetadataServer

  private var failures: FailureMaker { calls.failures }
  private var endpoint: OAuthEndpoint { OAuthEndpoint(calls: calls) }

  func token(of credential: GoogleCredential, scope: String) async throws(ProviderFailure) -> GoogleAccessToken {
    switch credential {
    case .serviceAccount(let key):
      return try await token(of: key, scope)
    case .authorizedUser(let user):
      return try await token(of: user)
    case .externalAccount(let account):
      return try await token(of: account, scope)
    case .impersonated(let impersonation):
      let source = try await token(of: impersonation.source, scope: Self.impersonationScope)
      return try await ImpersonationCall(calls: calls).token(of: impersonation, scope, source)
    case .metadata:
      return try await metadata.token(scope: scope)
    }
  }

  /// The JWT grant (RFC 7523 §2.1).
  private func token(
    of key: ServiceAccountKey, _ scope: String
  ) async throws(ProviderFailure) -> GoogleAccessToken {
    let assertion: SecretBytes
    do throws(RSASigner.Fault) {
      assertion = try ServiceAccountAssertion.make(for: key, scope: scope, unixTime: calls.services.time.unixTime)
    } catch {
      let reason =
        switch error {
        case .notAKey: "is not an RSA key in PEM without a password"
        case .tooShort: "is shorter than \(RSASigner.shortestKey) bits"
        case .notSigned: "does not sign"
        }
      throw failures.make(
        .denied, "the private_key of \(DocumentPath.shown(key.email)) \(reason)", hint: "make a new key for the account"
      )
    }
    var form = FormBody()
    form.append("assertion", assertion)
    form.append("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
    let principal = "service account \(DocumentPath.shown(key.email))"
    return try await endpoint.token(
      OAuthEndpoint.Call(url: key.tokenURL, form: form.finish(), principal: principal, quotaProject: key.quotaProject))
  }

  /// The refresh token grant (RFC 6749 §6).
  private func token(of user: AuthorizedUser) async throws(ProviderFailure) -> GoogleAccessToken {
    var form = FormBody()
    form.append("grant_type", "refresh_token")
    form.append("client_id", user.clientID)
    form.append("client_secret", user.clientSecret)
    form.append("refresh_token", user.refreshToken)
    if !user.scopes.isEmpty {
      form.append("scope", user.scopes.joined(separator: " "))
    }
    return try await endpoint.token(
      OAuthEndpoint.Call(
        url: user.tokenURL, form: form.finish(), principal: "user", quotaProject: user.quotaProject))
  }

  /// The token exchange (RFC 8693, https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token).
  private func token(
    of account: ExternalAccount, _ scope: String
  ) async throws(ProviderFailure) -> GoogleAccessToken {
    let subject = try await SubjectToken(calls: calls, environment: environment).fetch(for: account)
    var form = FormBody()
    form.append("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
    form.append("audience", account.audience)
    form.append("scope", scope)
    form.append("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")
    form.append("subject_token", subject)
    form.append("subject_token_type", account.subjectTokenType)
    var headers: [HTTPHeader] = []
    if let client = account.client {
      headers.append(Self.basic(client))
    } else if let project = account.userProject {
      form.append("options", PercentEncoding.encode(Self.options(project)))
    }
    let pool = account.audience.split(separator: "/").suffix(3).joined(separator: "/")
    return try await endpoint.token(
      OAuthEndpoint.Call(
        url: account.tokenURL, form: form.finish(), headers: headers,
        principal: "workload identity of \(DocumentPath.shown(pool))", quotaProject: account.quotaProject))
  }

  private static func basic(_ client: ExternalAccount.Client) -> HTTPHeader {
    var pair = SecretBuffer()
    pair.append(client.id)
    pair.append(":" as StaticString)
    pair.append(client.secret)
    var value = SecretBuffer()
    value.append("Basic " as StaticString)
    value.append(Base64.encode(pair.finish()))
    return HTTPHeader("Authorization", secret: value.finish())
  }

  /// Google wants this JSON percent-encoded within the form, so it is encoded twice.
  private static func options(_ project: String) -> String {
    var json = JSONWriter()
    json.beginObject()
    json.name("userProject")
    json.string(project)
    json.endObject()
    return json.finish().unsafeString() ?? ""
  }
}
