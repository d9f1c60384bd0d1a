import EventLoop
import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// Turns credentials into access tokens.
struct TokenService: Sendable {
  /// What is enough to act as another account.
  private static let impersonationScope = "https://www.googleapis.com/auth/iam"

  let connection: OpenConnection

  func token(of credential: GoogleCredential, scope: String) async throws(ProviderFailure) -> GoogleAccessToken {
    switch credential {
    case .serviceAccount(let key):
      return try await token(by: try grant(of: key, scope))
    case .authorizedUser(let user):
      return try await token(by: grant(of: user))
    case .externalAccount(let account):
      return try await token(by: try await grant(of: account, scope))
    case .impersonated(let impersonation):
      let source = try await token(of: impersonation.source, scope: Self.impersonationScope)
      return try await ImpersonationCall(connection: connection, impersonation: impersonation, source: source)
        .token(scope: scope)
    case .metadata:
      return try await MetadataServer(connection: connection).token(scope: scope)
    }
  }

  // MARK: - Grants

  /// A form for a token endpoint: of Google's OAuth service, or of its Security Token Service.
  private struct Grant: Sendable {
    let url: HTTPURL
    let form: SecretBytes
    var headers: [HTTPHeader] = []
    let principal: String
    let quotaProject: String?
  }

  /// The JWT grant (RFC 7523 §2.1).
  private func grant(of key: ServiceAccountKey, _ scope: String) throws(ProviderFailure) -> Grant {
    let email = ShownText.clean(key.email)
    var form = FormBody()
    do throws(RSASigner.Fault) {
      form.append(
        "assertion",
        try ServiceAccountAssertion.make(for: key, scope: scope, unixTime: connection.services.time.unixTime))
    } catch {
      throw connection.failures.make(
        .denied, "the private_key of \(email) \(error.rawValue)", hint: "make a new key for the account")
    }
    form.append("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
    return Grant(
      url: key.tokenURL, form: form.finish(), principal: "service account \(email)", quotaProject: key.quotaProject)
  }

  /// The refresh token grant (RFC 6749 §6).
  private func grant(of user: AuthorizedUser) -> Grant {
    var form = FormBody()
    form.append("grant_type", "refresh_token")
    form.append("client_id", user.clientID)
    form.append("client_secret", user.clientSecret)
    form.append("refresh_token", user.refreshToken)
    if let scopes = user.scopes, !scopes.isEmpty {
      form.append("scope", scopes)
    }
    if let proof = user.reauthenticationProof {
      form.append("rapt", proof)
    }
    return Grant(url: user.tokenURL, form: form.finish(), principal: "user", quotaProject: user.quotaProject)
  }

  /// The token exchange (RFC 8693, https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token).
  private func grant(of account: ExternalAccount, _ scope: String) async throws(ProviderFailure) -> Grant {
    let subject = try await SubjectToken(connection: connection).fetch(for: account)
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
      form.append("options", Self.options(project))
    }
    let pool = account.audience.split(separator: "/").suffix(3).joined(separator: "/")
    return Grant(
      url: account.tokenURL, form: form.finish(), headers: headers,
      principal: "workload identity of \(ShownText.clean(pool))", quotaProject: account.quotaProject)
  }

  private static func basic(_ client: ExternalAccount.Client) -> HTTPHeader {
    var pair = SecretBuffer()
    pair.append(client.id)
    pair.append(":" as StaticString)
    if let secret = client.secret {
      pair.append(secret)
    }
    var value = SecretBuffer()
    value.append("Basic " as StaticString)
    value.append(Base64.encode(pair.finish()))
    return HTTPHeader("Authorization", secret: value.finish())
  }

  /// Google wants this JSON percent-encoded within the form, so it is encoded twice.
  private static func options(_ project: String) -> String {
    var json = JSONWriter()
    json.beginObject()
    json.member("userProject", project)
    json.endObject()
    return json.finish().withUnsafeBytes { PercentEncoding.encode($0) }
  }

  // MARK: - The token endpoint

  private func token(by grant: Grant) async throws(ProviderFailure) -> GoogleAccessToken {
    let headers = [HTTPHeader("Content-Type", "application/x-www-form-urlencoded")] + grant.headers
    let sentAt = connection.services.time.now
    let response = try await connection.send(
      connection.request(.post, grant.url, headers, body: grant.form), login: "login as \(grant.principal)"
    ) { $0.status == 200 ? .accept : .fail(refusal($0, of: grant)) }
    guard
      let token = connection.json(ifAny: response).flatMap({
        GoogleAccessToken($0, issuedAt: sentAt, principal: grant.principal, quotaProject: grant.quotaProject)
      })
    else {
      throw connection.failure(
        .malformed, "login as \(grant.principal): \(GoogleAccessToken.absence)", response,
        hint: "check that \(grant.url.host) is Google's token endpoint")
    }
    return token
  }

  /// Says what to do about a refusal (RFC 6749 §5.2). Of the service's words only the error code comes over, since descriptions may
  /// repeat what was sent.
  private func refusal(_ response: HTTPResponse, of grant: Grant) -> ProviderFailure {
    let json = connection.json(ifAny: response)
    let code = GoogleWords.code(json?.member("error"))
    let isOwn = OAuthError.code(json) != nil || GoogleError(json).isThere
    func failure(_ kind: ProviderFailure.Class, _ message: String, _ hint: String? = nil) -> ProviderFailure {
      connection.failure(
        kind, "login as \(grant.principal): \(message)\(GoogleWords.shown([code]))", response,
        from: isOwn ? .service : .stranger, hint: hint)
    }
    switch (response.status, code) {
    case (429, _):
      return failure(.throttled, "too many logins")
    case (408, _), (500...599, _), (_, "internal_failure"?), (_, "server_error"?), (_, "temporarily_unavailable"?):
      return failure(.transient, "the token endpoint failed")
    case (400, _) where isOwn, (401, _) where isOwn, (403, _) where isOwn:
      let (reason, hint) = Self.reason(code, json?.member("error_description")?.text)
      return failure(.denied, reason, hint)
    default:
      return failure(
        .malformed, "this is not a token endpoint's answer", "check the address \(grant.url.origin)")
    }
  }

  private static func reason(_ code: String?, _ words: String?) -> (reason: String, hint: String) {
    func says(_ part: String) -> Bool { words?.contains(part) == true }
    if says("JWT Signature") {
      return (
        "the key's signature is not accepted",
        "the key may have been deleted or disabled; make a new one for the account"
      )
    }
    if says("iat and exp") || says("short-lived") {
      return ("the JWT's times are not accepted", "set the node's clock")
    }
    let reason =
      if says("account not found") {
        "there is no such account"
      } else if says("expired or revoked") {
        "the refresh token has expired or was revoked"
      } else {
        "refused"
      }
    let hint =
      switch code {
      case "invalid_grant"?: "check the credential: its account, key or token may be gone"
      case "invalid_client"?, "unauthorized_client"?: "check client_id and client_secret of the credential file"
      case "invalid_target"?: "check the audience: the workload identity pool or provider may be gone or disabled"
      case "invalid_rapt"?: "log in anew: gcloud auth application-default login"
      default: "check the credential file"
      }
    return (reason, hint)
  }
}
