import JSONReader
import SecretBytes

extension AzureFakeState {
  // MARK: - Entra ID

  /// What the SDKs ask for before they log in.
  func discovery(_ call: AzureFakeCall, tenant: String) -> FakeReply {
    let authority = "\(call.base)/\(tenant)"
    return .object(
      200,
      [
        ("token_endpoint", .text("\(authority)/oauth2/v2.0/token")),
        ("authorization_endpoint", .text("\(authority)/oauth2/v2.0/authorize")),
        ("issuer", .text("\(authority)/v2.0")),
      ])
  }

  /// The client credentials grant.
  mutating func token(_ call: AzureFakeCall, tenant: String) -> FakeReply {
    let form = call.form
    guard let applications = applications[tenant] else {
      return .entraError(400, "invalid_request", 90_002, "Tenant '\(tenant)' not found.")
    }
    guard form["grant_type"] == "client_credentials" else {
      return .entraError(400, "unsupported_grant_type", 70_003, "The app requested an unsupported grant type.")
    }
    guard let scope = form["scope"], scope.hasSuffix("/.default") else {
      return .entraError(400, "invalid_scope", 1_002_012, "The provided value for scope is not valid.")
    }
    guard let client = form["client_id"], let application = applications[client] else {
      return .entraError(400, "unauthorized_client", 700_016, "Application was not found in the directory.")
    }
    if let refusal = refusal(form, application, call.now) {
      return refusal
    }
    let audience = String(scope.dropLast("/.default".count))
    return .object(
      200,
      [
        ("token_type", .text("Bearer")), ("expires_in", .number(tokenSeconds)),
        ("ext_expires_in", .number(tokenSeconds)),
        ("access_token", .text(issue(audience, to: client, tenant: tenant, call.now))),
      ])
  }

  private func refusal(_ form: [String: String], _ application: Application, _ now: Double) -> FakeReply? {
    if let assertion = form["client_assertion"] {
      guard form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" else {
        return .entraError(400, "invalid_request", 900_144, "The request body must contain 'client_assertion_type'.")
      }
      return refusal(ofAssertion: assertion, application, now)
    }
    guard let secret = form["client_secret"] else {
      return .entraError(401, "invalid_client", 7_000_218, "The request body must contain 'client_secret'.")
    }
    guard secret == application.secret else {
      return .entraError(401, "invalid_client", 7_000_215, "Invalid client secret provided: \(secret).")
    }
    return application.secretHasExpired
      ? .entraError(401, "invalid_client", 7_000_222, "The provided client secret keys are expired.") : nil
  }

  /// Issuer, subject and audience choose the trust; its keys check the signature.
  private func refusal(ofAssertion assertion: String, _ application: Application, _ now: Double) -> FakeReply? {
    let keys = application.federations.flatMap(\.publicKeys)
    guard let token = JSONWebToken(assertion, keys: keys) else {
      return .entraError(401, "invalid_client", 700_027, "Client assertion failed signature validation.")
    }
    let trusted = application.federations.contains { federation in
      token.claim("iss", is: federation.issuer) && token.claim("sub", is: federation.subject)
        && token.claim("aud", is: federation.audience)
        && JSONWebToken(assertion, keys: federation.publicKeys) != nil
    }
    guard trusted else {
      return .entraError(
        401, "invalid_client", 700_213, "No matching federated identity record found for presented assertion.")
    }
    guard let end = token.claims.member("exp")?.int64, now < Double(end) else {
      return .entraError(401, "invalid_client", 700_024, "Client assertion is not within its valid time range.")
    }
    return nil
  }

  // MARK: - Managed identities

  /// The identity that the query asks for; `nil` where the machine has none such.
  private func identity(_ call: AzureFakeCall) -> String? {
    guard let wanted = call.request.query["client_id"] else {
      return systemIdentity
    }
    return userIdentities.contains(wanted) ? wanted : nil
  }

  mutating func instanceMetadata(_ call: AzureFakeCall) -> FakeReply {
    guard call.header("metadata") == "true" else {
      return .metadataError(400, "invalid_request", "Required metadata header not specified")
    }
    guard call.request.query["api-version"] == "2018-02-01", let resource = call.request.query["resource"] else {
      return .metadataError(400, "invalid_request", "Required query variables are missing")
    }
    guard let client = identity(call) else {
      return .metadataError(400, "invalid_request", "Identity not found")
    }
    return managed(call, resource, client)
  }

  /// Every number is a string, as the service has it.
  private mutating func managed(_ call: AzureFakeCall, _ resource: String, _ client: String) -> FakeReply {
    .object(
      200,
      [
        ("access_token", .text(issue(resource, to: client, tenant: AzureFake.tenant, call.now))),
        ("client_id", .text(client)), ("expires_in", .text(String(tokenSeconds))),
        ("expires_on", .text(String(Int(call.now) + tokenSeconds))), ("ext_expires_in", .text(String(tokenSeconds))),
        ("not_before", .text(String(Int(call.now)))), ("resource", .text(resource)), ("token_type", .text("Bearer")),
      ])
  }

  mutating func appService(_ call: AzureFakeCall) -> FakeReply {
    guard call.header("x-identity-header") == AzureFake.identityHeader else {
      return .object(401, [("statusCode", .number(401)), ("message", .text("Unauthorized"))])
    }
    guard call.request.query["api-version"] == "2019-08-01", let resource = call.request.query["resource"] else {
      return .object(400, [("statusCode", .number(400)), ("message", .text("Bad request"))])
    }
    guard let client = identity(call) else {
      return .object(400, [("statusCode", .number(400)), ("message", .text("No managed identity was found."))])
    }
    return .object(
      200,
      [
        ("access_token", .text(issue(resource, to: client, tenant: AzureFake.tenant, call.now))),
        ("expires_on", .text(String(Int(call.now) + tokenSeconds))), ("resource", .text(resource)),
        ("token_type", .text("Bearer")), ("client_id", .text(client)),
      ])
  }

  /// The first call is challenged with a file, whose content the second must bring.
  mutating func arc(_ call: AzureFakeCall) -> FakeReply {
    guard let arcFolder, call.header("metadata") == "true", call.request.query["api-version"] == "2020-06-01",
      let resource = call.request.query["resource"]
    else {
      return .metadataError(400, "invalid_request", "Required metadata header not specified")
    }
    guard let authorization = call.header("authorization") else {
      let key = "arc-key-\(next())"
      let path = "\(arcFolder)/\(key).key"
      guard (try? FakeCertificate.write(key, to: path)) != nil else {
        return .metadataError(500, "internal_error", "The challenge file cannot be written")
      }
      arcKeys.insert(key)
      var reply = FakeReply.metadataError(401, "unauthorized", "Challenge")
      reply.headers.append(("WWW-Authenticate", "Basic realm=\(path)"))
      return reply
    }
    guard arcKeys.remove(String(authorization.dropFirst("Basic ".count))) != nil, let systemIdentity else {
      return .metadataError(401, "unauthorized", "The key is not the challenge file's")
    }
    return managed(call, resource, systemIdentity)
  }
}

extension FakeReply {
  fileprivate static func entraError(_ status: Int, _ error: String, _ code: Int, _ message: String) -> FakeReply {
    .object(
      status,
      [
        ("error", .text(error)),
        (
          "error_description",
          .text("AADSTS\(code): \(message) Trace ID: 0 Correlation ID: 0 Timestamp: 2026-01-01 00:00:00Z")
        ),
        ("error_codes", .raw("[\(code)]")), ("timestamp", .text("2026-01-01 00:00:00Z")), ("trace_id", .text("0")),
        ("correlation_id", .text("0")),
      ])
  }

  fileprivate static func metadataError(_ status: Int, _ error: String, _ description: String) -> FakeReply {
    .object(status, [("error", .text(error)), ("error_description", .text(description))])
  }
}
