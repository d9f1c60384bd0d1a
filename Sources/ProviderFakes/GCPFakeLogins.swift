import Glibc
import JSONReader
import SecretBytes

extension GCPFakeState {
  static let jwtGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
  static let exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
  static let accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
  /// What Google's token endpoint takes as `aud`, beside the address that it was reached at.
  static let audiences = ["https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token"]

  // MARK: - OAuth

  mutating func oauth(_ call: GCPFakeCall) -> FakeReply {
    let form = call.form
    guard call.header("content-type")?.hasPrefix("application/x-www-form-urlencoded") == true else {
      return .oauthError(400, "invalid_request", "Bad Request")
    }
    switch form["grant_type"] {
    case Self.jwtGrant?: return grant(toAssertion: form["assertion"] ?? "", call)
    case "refresh_token"?: return grant(toRefreshToken: form, call)
    default: return .oauthError(400, "unsupported_grant_type", "Invalid grant_type: \(form["grant_type"] ?? "")")
    }
  }

  private mutating func grant(toAssertion assertion: String, _ call: GCPFakeCall) -> FakeReply {
    // The claims say whose keys are to be tried; only a signature by one of them makes them count.
    guard let claimed = JSONWebToken.unverifiedClaims(assertion), let email = claimed.member("iss")?.text else {
      return .oauthError(400, "invalid_grant", "Invalid JWT: not a JWT")
    }
    guard let account = accounts[email] else {
      return .oauthError(400, "invalid_grant", "Invalid grant: account not found")
    }
    guard let token = JSONWebToken(assertion, keys: Array(account.publicKeys.values)) else {
      return .oauthError(400, "invalid_grant", "Invalid JWT Signature.")
    }
    let audiences = Self.audiences + [call.base + GCPFakeCore.tokenPath]
    guard audiences.contains(where: { token.claim("aud", is: $0) }) else {
      return .oauthError(400, "invalid_grant", "Invalid JWT: Failed audience check.")
    }
    guard
      let start = token.claims.member("iat")?.int64, let end = token.claims.member("exp")?.int64,
      (1...3600).contains(end.subtractingReportingOverflow(start).partialValue), Double(start) <= call.now + 300,
      Double(end) > call.now
    else {
      return .oauthError(
        400, "invalid_grant",
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."
      )
    }
    let scopes = (token.claims.member("scope")?.text ?? "").split(separator: " ").map(String.init)
    guard !scopes.isEmpty else {
      return .oauthError(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    }
    return granted(to: email, scopes, call)
  }

  private mutating func grant(toRefreshToken form: [String: String], _ call: GCPFakeCall) -> FakeReply {
    guard let user = users[form["refresh_token"] ?? ""] else {
      return .oauthError(400, "invalid_grant", "Token has been expired or revoked.")
    }
    guard form["client_id"] == user.clientID, form["client_secret"] == user.clientSecret else {
      return .oauthError(401, "invalid_client", "The provided client secret is invalid.")
    }
    let scopes = form["scope"]?.split(separator: " ").map(String.init) ?? [GCPFake.cloudScope]
    return granted(to: user.email, scopes, call)
  }

  private mutating func granted(to principal: String, _ scopes: [String], _ call: GCPFakeCall) -> FakeReply {
    .json(
      200,
      .object([
        ("access_token", .text(issue(to: principal, scopes, seconds: tokenSeconds, call.now))),
        ("expires_in", .number(tokenSeconds)), ("token_type", .text("Bearer")),
      ]))
  }

  // MARK: - Security Token Service

  mutating func exchange(_ call: GCPFakeCall) -> FakeReply {
    let form = call.form
    guard form["grant_type"] == Self.exchangeGrant, form["requested_token_type"] == Self.accessTokenType else {
      return .oauthError(400, "invalid_request", "Invalid value for \"grant_type\" or \"requested_token_type\".")
    }
    guard let pool = pools[form["audience"] ?? ""] else {
      return .oauthError(
        400, "invalid_target", "The target service indicated by the \"audience\" parameters is invalid.")
    }
    if let client = pool.client {
      let expected = "Basic " + (Base64.encode(SecretBytes(client)).unsafeString() ?? "")
      guard call.header("authorization") == expected else {
        return .oauthError(401, "invalid_client", "The OAuth client was not found.")
      }
    }
    guard let subject = subject(form, pool, call) else {
      return .oauthError(400, "invalid_grant", "The subject token is not accepted by the pool's provider.")
    }
    let scopes = (form["scope"] ?? "").split(separator: " ").map(String.init)
    guard !scopes.isEmpty else {
      return .oauthError(400, "invalid_scope", "Invalid scope.")
    }
    let token = issue(to: subject, scopes, seconds: tokenSeconds, call.now)
    return .json(
      200,
      .object([
        ("access_token", .text(token)), ("issued_token_type", .text(Self.accessTokenType)),
        ("token_type", .text("Bearer")), ("expires_in", .number(tokenSeconds)),
      ]))
  }

  /// Whose token the subject token is, if it is one that the pool takes.
  private func subject(_ form: [String: String], _ pool: GCPIdentityPool, _ call: GCPFakeCall) -> String? {
    let text = form["subject_token"] ?? ""
    if form["subject_token_type"] == "urn:ietf:params:aws:token-type:aws4_request" {
      return GCPFakeAWSCaller(text)?.verified(by: pool, now: call.now).map {
        "principal:\(pool.audience)/subject/\($0)"
      }
    }
    guard
      ["urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"].contains(
        form["subject_token_type"]), let token = JSONWebToken(text, keys: pool.publicKeys),
      token.claim("iss", is: pool.issuer),
      ([pool.audience, "https:" + pool.audience] + pool.allowedAudiences).contains(where: { token.claim("aud", is: $0) }
      ),
      let end = token.claims.member("exp")?.int64, call.now < Double(end), let name = token.claims.member("sub")?.text
    else {
      return nil
    }
    return "principal:\(pool.audience)/subject/\(name)"
  }

  // MARK: - IAM Credentials

  mutating func generateAccessToken(_ call: GCPFakeCall, _ email: String) -> FakeReply {
    guard let token = call.bearer.flatMap({ tokens[$0] }), call.now < token.expires else {
      return .apiError(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    }
    guard !token.scopes.isDisjoint(with: [GCPFake.cloudScope, "https://www.googleapis.com/auth/iam"]) else {
      return .apiError(
        403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
    }
    let body = try? JSONValue.parse(SecretBytes(call.request.body), limits: .payload)
    let scopes = body?.member("scope")?.elements.compactMap(\.text) ?? []
    let lifetime = body?.member("lifetime")?.text.flatMap { $0.hasSuffix("s") ? Int($0.dropLast()) : nil } ?? 3600
    guard !scopes.isEmpty, (1...3600).contains(lifetime) else {
      return .apiError(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
    }
    let prefix = "projects/-/serviceAccounts/"
    let delegates = body?.member("delegates")?.elements.compactMap(\.text) ?? []
    guard delegates.allSatisfy({ $0.hasPrefix(prefix) }) else {
      return .apiError(400, "INVALID_ARGUMENT", "Invalid form of delegates.")
    }
    var actor = token.principal
    for next in delegates.map({ String($0.dropFirst(prefix.count)) }) + [email] {
      guard let account = accounts[next] else {
        return .apiError(404, "NOT_FOUND", "Not found; Gaia id not found for email \(next)")
      }
      guard account.tokenCreators.contains(actor) else {
        return .apiError(
          403, "PERMISSION_DENIED",
          "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
          "IAM_PERMISSION_DENIED")
      }
      actor = next
    }
    return .json(
      200,
      .object([
        ("accessToken", .text(issue(to: email, scopes, seconds: lifetime, call.now))),
        ("expireTime", .text(Self.timestamp(call.now + Double(lifetime)))),
      ]))
  }

  /// As `2026-01-02T03:04:05Z`.
  static func timestamp(_ unixTime: Double) -> String {
    var seconds = time_t(unixTime)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 32)
    let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
    return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension JSONWebToken {
  /// The claims of a token that nobody has checked.
  static func unverifiedClaims(_ text: String) -> JSONValue? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let bytes = Base64.decode(SecretBytes(String(parts[1])), .url) else {
      return nil
    }
    return try? JSONValue.parse(bytes, limits: .payload)
  }
}

extension FakeReply {
  fileprivate static func oauthError(_ status: Int, _ error: String, _ description: String) -> FakeReply {
    .json(status, .object([("error", .text(error)), ("error_description", .text(description))]))
  }

  /// The form of errors that Google's APIs share (https://google.aip.dev/193).
  static func apiError(_ status: Int, _ code: String, _ message: String, _ reason: String? = nil) -> FakeReply {
    let details =
      reason.map {
        #"[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"\#($0)","domain":"googleapis.com"}]"#
      } ?? "[]"
    let error = String.object([
      ("code", .number(status)), ("message", .text(message)), ("status", .text(code)), ("details", .raw(details)),
    ])
    return .json(status, .object([("error", .raw(error))]))
  }
}
