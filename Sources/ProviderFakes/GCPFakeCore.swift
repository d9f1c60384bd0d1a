import Glibc
import JSONReader
import SecretBytes
import Synchronization

/// Answers for Google's services from a state behind one lock.
final class GCPFakeCore: FakeCore {
  static let tokenPath = "/token"
  static let exchangePath = "/v1/token"
  static let subjectTokenPath = "/subject-token"
  static let accountsPath = "/v1/projects/-/serviceAccounts/"

  private let state = Mutex(GCPFakeState())

  func change<R: Sendable>(_ body: (inout GCPFakeState) -> R) -> R {
    state.withLock { body(&$0) }
  }

  /// Unix time of the machine.
  static func clock() -> Double {
    Double(time(nil))
  }

  func answer(_ request: RecordedRequest, scheme: String) -> FakeReply {
    let base = "\(scheme)://\(request.headers["host"] ?? "127.0.0.1")"
    return state.withLock { state in
      state.answer(GCPFakeCall(request: request, base: base, now: Self.clock() + state.clockOffset))
    }
  }

  /// `POST /_fake/gcp/advance?seconds=N`, `/_fake/gcp/revoke-tokens` and `/_fake/gcp/spoil-checksums?times=N`; `nil` for other
  /// endpoints.
  func administer(_ request: RecordedRequest) -> FakeReply? {
    switch request.line {
    case "POST /_fake/gcp/advance":
      guard let seconds = request.query["seconds"].flatMap(Double.init) else {
        return .errors(400, "seconds is missing")
      }
      change { $0.clockOffset += seconds }
    case "POST /_fake/gcp/revoke-tokens":
      change { $0.tokens = [:] }
    case "POST /_fake/gcp/spoil-checksums":
      guard let times = request.query["times"].flatMap({ Int($0) }) else {
        return .errors(400, "times is missing")
      }
      change { $0.spoiltChecksums = times }
    default:
      return nil
    }
    return .noContent
  }
}

extension GCPFakeState {
  mutating func answer(_ call: GCPFakeCall) -> FakeReply {
    let path = call.request.path
    switch (call.request.method, path) {
    case ("POST", GCPFakeCore.tokenPath): return oauth(call)
    case ("POST", GCPFakeCore.exchangePath): return exchange(call)
    case ("GET", GCPFakeCore.subjectTokenPath): return serveSubjectToken(call)
    case ("GET", "/"): return metadata(call)
    default: break
    }
    if path.hasPrefix("/computeMetadata/v1/") {
      return metadata(call)
    }
    if path.hasPrefix("/latest/") {
      return awsMetadata(call)
    }
    if path.hasPrefix(GCPFakeCore.accountsPath), path.hasSuffix(":generateAccessToken"), call.request.method == "POST" {
      let account = path.dropFirst(GCPFakeCore.accountsPath.count).dropLast(":generateAccessToken".count)
      return generateAccessToken(call, String(account))
    }
    if path.hasPrefix("/v1/projects/"), path.hasSuffix(":access"), call.request.method == "GET" {
      return access(call, String(path.dropFirst("/v1/".count).dropLast(":access".count)))
    }
    if path.hasPrefix("/v1/projects/"), path.hasSuffix("/versions"), call.request.method == "GET" {
      return list(call, String(path.dropFirst("/v1/".count)))
    }
    return FakeReply(status: 404, headers: [("Content-Type", "text/html")], body: "<html>404 not found</html>")
  }

  private func serveSubjectToken(_ call: GCPFakeCall) -> FakeReply {
    guard let subjectToken else {
      return .json(404, "{}")
    }
    if let header = subjectToken.header, call.header(header.name.lowercased()) != header.value {
      return .json(403, "{}")
    }
    return FakeReply(status: 200, headers: [("Content-Type", "text/plain")], body: subjectToken.body)
  }

  // MARK: - The metadata server

  private mutating func metadata(_ call: GCPFakeCall) -> FakeReply {
    var reply = metadataAnswer(call)
    reply.headers.append(("Metadata-Flavor", "Google"))
    reply.headers.append(("Server", "Metadata Server for VM"))
    return reply
  }

  private mutating func metadataAnswer(_ call: GCPFakeCall) -> FakeReply {
    guard call.header("metadata-flavor") == "Google" else {
      return FakeReply(status: 403, body: "Missing Metadata-Flavor:Google header.")
    }
    guard call.header("x-forwarded-for") == nil else {
      return FakeReply(status: 403, body: "Your client does not have permission to get this URL.")
    }
    let accountPath = "/computeMetadata/v1/instance/service-accounts/default/"
    switch call.request.path {
    case "/":
      return FakeReply(status: 200, headers: [("Content-Type", "application/text")], body: "computeMetadata/\n")
    case "/computeMetadata/v1/project/project-id":
      return FakeReply(status: 200, headers: [("Content-Type", "application/text")], body: GCPFake.project)
    case "/computeMetadata/v1/universe/universe-domain":
      return FakeReply(status: 200, headers: [("Content-Type", "application/text")], body: "googleapis.com")
    case accountPath where machineAccount != nil:
      return .json(
        200,
        .object([
          ("aliases", .raw(#"["default"]"#)), ("email", .text(machineAccount ?? "")),
          ("scopes", .raw("[\"\(GCPFake.cloudScope)\"]")),
        ]))
    case accountPath + "token":
      guard let machineAccount else {
        return FakeReply(status: 404, body: "not found")
      }
      let scopes = call.request.query["scopes"]?.split(separator: ",").map(String.init) ?? [GCPFake.cloudScope]
      let token = issue(to: machineAccount, scopes, seconds: tokenSeconds, call.now)
      return .json(
        200,
        .object([
          ("access_token", .text(token)), ("expires_in", .number(tokenSeconds)), ("token_type", .text("Bearer")),
        ]))
    default:
      return FakeReply(status: 404, body: "not found")
    }
  }

  // MARK: - An AWS machine's metadata

  private func awsMetadata(_ call: GCPFakeCall) -> FakeReply {
    let session = "imdsv2-session"
    guard let awsMachine else {
      return FakeReply(status: 404, body: "")
    }
    if call.request.line == "PUT /latest/api/token", call.header("x-aws-ec2-metadata-token-ttl-seconds") != nil {
      return FakeReply(status: 200, body: session)
    }
    guard call.header("x-aws-ec2-metadata-token") == session else {
      return FakeReply(status: 401, body: "")
    }
    let credentials = "GET /latest/meta-data/iam/security-credentials"
    switch call.request.line {
    case "GET /latest/meta-data/placement/availability-zone":
      return FakeReply(status: 200, body: awsMachine.zone)
    case credentials:
      return FakeReply(status: 200, body: awsMachine.role)
    case "\(credentials)/\(awsMachine.role)":
      return .json(
        200,
        .object([
          ("Code", .text("Success")), ("AccessKeyId", .text(awsMachine.accessKeyID)),
          ("SecretAccessKey", .text(awsMachine.secretAccessKey)), ("Token", .text(awsMachine.sessionToken)),
        ]))
    default:
      return FakeReply(status: 404, body: "")
    }
  }
}

extension String {
  /// A JSON object.
  static func object(_ members: [(String, GCPFakeMember)]) -> String {
    var json = JSONWriter()
    json.beginObject()
    for (name, member) in members {
      json.name(name)
      switch member {
      case .text(let text): json.string(text)
      case .number(let number): json.number(Int64(number))
      case .raw(let text): json.raw(SecretBytes(text))
      }
    }
    json.endObject()
    return json.finish().unsafeString() ?? ""
  }
}

/// A member of an answer.
enum GCPFakeMember {
  case text(String)
  case number(Int)
  /// JSON as it is.
  case raw(String)
}
