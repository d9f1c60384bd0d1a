import JSONReader

extension AWSFakeState {
  /// The Security Token Service (https://docs.aws.amazon.com/STS/latest/APIReference/), by the query protocol.
  mutating func query(_ request: RecordedRequest, now: Int64) -> FakeReply {
    let form = Self.form(request.body)
    do throws(AWSFakeRefusal) {
      guard request.method == "POST", form["Version"] == "2011-06-15" else {
        throw AWSFakeRefusal(
          code: "InvalidAction",
          message:
            "Could not find operation \(form["Action"] ?? "") for version \(form["Version"] ?? "NO_VERSION_SPECIFIED")")
      }
      let result: String
      switch form["Action"] {
      case "AssumeRole":
        result = try assumeRole(form, principal: try principal(of: request, service: "sts", now: now), now)
      case "AssumeRoleWithWebIdentity":
        result = try assumeRoleWithWebIdentity(form, now)
      case "GetCallerIdentity":
        let principal = try principal(of: request, service: "sts", now: now)
        result =
          "<Arn>\(principal)</Arn><UserId>AIDAFAKE</UserId><Account>\(AWSFake.account)</Account>"
      default:
        throw AWSFakeRefusal(
          code: "InvalidAction", message: "Could not find operation \(form["Action"] ?? "") for version 2011-06-15")
      }
      let action = form["Action"] ?? ""
      return FakeReply(
        status: 200, headers: [("Content-Type", "text/xml")],
        body: """
          <\(action)Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
            <\(action)Result>\(result)</\(action)Result>
            <ResponseMetadata><RequestId>\(AWSFakeCore.requestID)</RequestId></ResponseMetadata>
          </\(action)Response>

          """)
    } catch {
      return FakeReply(
        status: error.queryStatus ?? error.status, headers: [("Content-Type", "text/xml")], body: error.xml)
    }
  }

  private mutating func assumeRole(
    _ form: [String: String], principal: String, _ now: Int64
  ) throws(AWSFakeRefusal) -> String {
    let (arn, session, seconds) = try Self.request(form)
    guard
      let role = roles[arn], role.webIdentity == nil, role.externalID == nil || role.externalID == form["ExternalId"],
      !denials.contains(where: { $0.covers("sts:AssumeRole", arn) })
    else {
      // The service does not tell an absent role from a forbidden one.
      throw AWSFakeRefusal(
        code: "AccessDenied", status: 403,
        message: "User: \(principal) is not authorized to perform: sts:AssumeRole on resource: \(arn)")
    }
    guard seconds <= role.maximumSeconds else {
      throw .validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    }
    return credentials(arn, session, seconds, now)
  }

  private mutating func assumeRoleWithWebIdentity(
    _ form: [String: String], _ now: Int64
  ) throws(AWSFakeRefusal) -> String {
    let (arn, session, seconds) = try Self.request(form)
    guard let identity = roles[arn]?.webIdentity else {
      throw AWSFakeRefusal(
        code: "AccessDenied", status: 403, message: "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    }
    guard let token = JSONWebToken(form["WebIdentityToken"] ?? "", keys: identity.publicKeys) else {
      throw AWSFakeRefusal(
        code: "InvalidIdentityToken",
        message: "Couldn't retrieve verification key from your identity provider, or the signature does not match")
    }
    guard let expiry = token.claims.member("exp")?.int64, expiry > now else {
      throw AWSFakeRefusal(
        code: "ExpiredTokenException",
        message: "Token expired: current date/time must be before the expiration date/time")
    }
    for (claim, expected) in [("iss", identity.issuer), ("aud", identity.audience), ("sub", identity.subject)] {
      if let expected, !token.claim(claim, is: expected) {
        throw AWSFakeRefusal(
          code: "AccessDenied", status: 403, message: "Not authorized to perform sts:AssumeRoleWithWebIdentity")
      }
    }
    return credentials(arn, session, seconds, now)
  }

  /// What both operations ask for, within the API's bounds.
  private static func request(
    _ form: [String: String]
  ) throws(AWSFakeRefusal) -> (arn: String, session: String, seconds: Int64) {
    let arn = form["RoleArn"] ?? ""
    guard arn.utf8.count >= 20, arn.hasPrefix("arn:") else {
      throw .validation("\(arn) is invalid")
    }
    let session = form["RoleSessionName"] ?? ""
    let allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-"
    guard (2...64).contains(session.utf8.count), session.allSatisfy({ allowed.contains($0) }) else {
      throw .validation(
        "1 validation error detected: Value '\(session)' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
      )
    }
    guard let seconds = Int64(form["DurationSeconds"] ?? "3600"), (900...43_200).contains(seconds) else {
      throw .validation("1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint")
    }
    return (arn, session, seconds)
  }

  private mutating func credentials(_ arn: String, _ session: String, _ seconds: Int64, _ now: Int64) -> String {
    let name = arn.split(separator: "/").last.map(String.init) ?? ""
    let assumed = "arn:aws:sts::\(AWSFake.account):assumed-role/\(name)/\(session)"
    let key = issueKey(principal: assumed, seconds: seconds, now: now)
    return """
      <AssumedRoleUser><AssumedRoleId>AROAFAKE:\(session)</AssumedRoleId><Arn>\(AWSFakeXML.escaped(assumed))</Arn></AssumedRoleUser>
      <Credentials>
        <AccessKeyId>\(key.id)</AccessKeyId>
        <SecretAccessKey>\(key.secret)</SecretAccessKey>
        <SessionToken>\(key.sessionToken)</SessionToken>
        <Expiration>\(AWSFakeTime.extended(key.expires))</Expiration>
      </Credentials>
      """
  }

  /// A body of `application/x-www-form-urlencoded`.
  private static func form(_ body: String) -> [String: String] {
    var form: [String: String] = [:]
    for pair in body.split(separator: "&") {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = sides.count > 1 ? String(sides[1].map { $0 == "+" ? " " : $0 }) : ""
      form[RequestHandler.decoded(sides[0])] = RequestHandler.decoded(value[...])
    }
    return form
  }
}
