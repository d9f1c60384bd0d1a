import JSONReader

extension AWSFakeState {
  /// The instance metadata service, version 2 only
  /// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html), and the containers' credential
  /// endpoint. `nil` where `request` is for neither.
  mutating func metadata(_ request: RecordedRequest, now: Int64) -> FakeReply? {
    if let container, request.path == container.path {
      return containerCredentials(request, container, now)
    }
    guard request.path.hasPrefix("/latest/") else {
      return nil
    }
    if request.path == "/latest/api/token" {
      return metadataToken(request, now)
    }
    guard request.method == "GET" else {
      return Self.plain(405, "")
    }
    guard let token = request.headers["x-aws-ec2-metadata-token"], let end = metadataTokens[token], end > now else {
      return Self.plain(401, "Unauthorized")
    }
    let roles = "/latest/meta-data/iam/security-credentials"
    guard let role = instanceRole, request.path.hasPrefix(roles) else {
      return Self.plain(404, "Not Found")
    }
    switch request.path.dropFirst(roles.count) {
    case "", "/": return Self.plain(200, role.name)
    case "/\(role.name)": return .json(200, credentials(of: role.name, role.seconds, now))
    default: return Self.plain(404, "Not Found")
    }
  }

  private mutating func metadataToken(_ request: RecordedRequest, _ now: Int64) -> FakeReply {
    guard request.method == "PUT" else {
      return Self.plain(405, "")
    }
    // What comes by way of a proxy is not from this instance.
    guard request.headers["x-forwarded-for"] == nil else {
      return Self.plain(403, "Forbidden")
    }
    guard
      let seconds = request.headers["x-aws-ec2-metadata-token-ttl-seconds"].flatMap(Int64.init),
      (1...21_600).contains(seconds)
    else {
      return Self.plain(400, "Bad Request")
    }
    let token = "AQAEA-metadata-token-\(nextNumber())=="
    metadataTokens[token] = now + seconds
    var reply = Self.plain(200, token)
    reply.headers.append(("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", String(seconds)))
    return reply
  }

  private mutating func containerCredentials(
    _ request: RecordedRequest, _ container: Container, _ now: Int64
  ) -> FakeReply {
    guard request.method == "GET" else {
      return Self.plain(405, "")
    }
    guard container.token == nil || request.headers["authorization"] == container.token else {
      return .json(401, #"{"code":"AccessDeniedException","message":"the authorization token is not valid"}"#)
    }
    return .json(200, credentials(of: "task", container.seconds, now))
  }

  private mutating func credentials(of role: String, _ seconds: Int64, _ now: Int64) -> String {
    let arn = "arn:aws:sts::\(AWSFake.account):assumed-role/\(role)/session"
    let key = issueKey(principal: arn, seconds: seconds, now: now)
    return AWSFakeJSON.object { json in
      for (name, value) in [
        ("Code", "Success"), ("LastUpdated", AWSFakeTime.extended(now)), ("Type", "AWS-HMAC"), ("AccessKeyId", key.id),
        ("SecretAccessKey", key.secret), ("Token", key.sessionToken), ("Expiration", AWSFakeTime.extended(key.expires)),
        ("RoleArn", arn),
      ] {
        json.name(name)
        json.string(value)
      }
    }
  }

  private static func plain(_ status: Int, _ body: String) -> FakeReply {
    FakeReply(status: status, headers: [("Content-Type", "text/plain")], body: body)
  }
}
