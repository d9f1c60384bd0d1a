import JSONReader
import SecretBytes

extension GCPFakeState {
  static func key(_ project: String, _ location: String?, _ name: String) -> String {
    "projects/\(project)" + (location.map { "/locations/\($0)" } ?? "") + "/secrets/\(name)"
  }

  /// Secret Manager's `access`; `name` is `projects/P[/locations/L]/secrets/S/versions/V`.
  mutating func access(_ call: GCPFakeCall, _ name: String) -> FakeReply {
    let parts = name.split(separator: "/").map(String.init)
    switch project(call, parts, "secretmanager.versions.access", without: unprivileged) {
    case .success(let project): return version(parts, project)
    case .failure(let refusal): return refusal.reply
    }
  }

  /// Secret Manager's list of versions; `name` is `projects/P[/locations/L]/secrets/S/versions`.
  func list(_ call: GCPFakeCall, _ name: String) -> FakeReply {
    let parts = name.split(separator: "/").map(String.init)
    let project: (key: String, value: String)
    switch self.project(call, parts, "secretmanager.versions.list", without: unprivileged.union(unlisting)) {
    case .success(let found): project = found
    case .failure(let refusal): return refusal.reply
    }
    let location = parts.count == 7 && parts[2] == "locations" ? parts[3] : nil
    let end = Array(parts.suffix(3))
    guard end.count == 3, end[0] == "secrets", let secret = secrets[Self.key(project.key, location, end[1])] else {
      return .apiError(404, "NOT_FOUND", "Secret not found.")
    }
    // Newest first. The token of a page is how many came before it.
    let newest = secret.versions.indices.reversed().map { $0 + 1 }
    let size = min(max(call.request.query["pageSize"].flatMap { Int($0) } ?? 0, 1), mostListed)
    let skipped = call.request.query["pageToken"].flatMap { Int($0) } ?? 0
    let page = newest.dropFirst(skipped).prefix(size)
    let versions = page.map { number in
      String.object([
        ("name", .text(Self.key(project.value, location, end[1]) + "/versions/\(number)")),
        ("state", .text(secret.versions[number - 1].state.rawValue)),
      ])
    }
    var members: [(String, GCPFakeMember)] = [
      ("versions", .raw("[" + versions.joined(separator: ",") + "]")), ("totalSize", .number(newest.count)),
    ]
    if skipped + page.count < newest.count {
      members.append(("nextPageToken", .text(String(skipped + page.count))))
    }
    return .json(200, .object(members))
  }

  private struct Refusal: Error {
    let reply: FakeReply
  }

  /// The project that a call is about, where its token, its quota project and `permission` let it.
  private func project(
    _ call: GCPFakeCall, _ parts: [String], _ permission: String, without unprivileged: Set<String>
  ) -> Result<(key: String, value: String), Refusal> {
    if let refusal = refusal(call) {
      return .failure(Refusal(reply: refusal))
    }
    guard
      parts.count >= 5, let project = projects.first(where: { $0.key == parts[1] || $0.value == parts[1] }),
      let token = call.bearer.flatMap({ tokens[$0] }), !unprivileged.contains(token.principal)
    else {
      return .failure(
        Refusal(
          reply: .apiError(
            403, "PERMISSION_DENIED", "Permission '\(permission)' denied (or it may not exist).",
            "IAM_PERMISSION_DENIED")))
    }
    return .success(project)
  }

  private func refusal(_ call: GCPFakeCall) -> FakeReply? {
    guard let text = call.bearer else {
      return .apiError(
        401, "UNAUTHENTICATED", "Request is missing required authentication credential.", "CREDENTIALS_MISSING")
    }
    guard let token = tokens[text], call.now < token.expires else {
      return .apiError(
        401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", "ACCESS_TOKEN_EXPIRED")
    }
    guard token.scopes.contains(GCPFake.cloudScope) else {
      return .apiError(
        403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
    }
    if let project = call.header("x-goog-user-project"), projects[project] == nil {
      return .apiError(
        403, "PERMISSION_DENIED", "Caller does not have required permission to use project.", "USER_PROJECT_DENIED")
    }
    return nil
  }

  private mutating func version(_ parts: [String], _ project: (key: String, value: String)) -> FakeReply {
    let location = parts.count == 8 && parts[2] == "locations" ? parts[3] : nil
    let end = Array(parts.suffix(4))
    guard end[0] == "secrets", end[2] == "versions", let secret = secrets[Self.key(project.key, location, end[1])],
      let number = end[3] == "latest" ? secret.versions.count : Int(end[3]) ?? secret.aliases[end[3]],
      secret.versions.indices.contains(number - 1)
    else {
      return .apiError(404, "NOT_FOUND", "Secret or Secret Version not found.")
    }
    let name = Self.key(project.value, location, end[1]) + "/versions/\(number)"
    let version = secret.versions[number - 1]
    guard version.state == .enabled else {
      return .apiError(400, "FAILED_PRECONDITION", "Secret Version [\(name)] is in \(version.state.rawValue) state.")
    }
    let data = SecretBytes(version.data)
    var checksum = Self.checksum(data)
    if spoiltChecksums > 0 {
      spoiltChecksums -= 1
      checksum ^= 1
    }
    var payload: [(String, GCPFakeMember)] = [("data", .text(Base64.encode(data).unsafeString() ?? ""))]
    if !hidesChecksums {
      payload.append(("dataCrc32c", .text(String(checksum))))
    }
    return .json(200, .object([("name", .text(name)), ("payload", .raw(.object(payload)))]))
  }

  /// CRC-32C, a bit at a time.
  static func checksum(_ bytes: SecretBytes) -> UInt32 {
    bytes.withUnsafeBytes { bytes in
      var value = UInt32.max
      for byte in bytes {
        value ^= UInt32(byte)
        for _ in 0..<8 {
          value = value & 1 == 1 ? (value >> 1) ^ 0x82f6_3b78 : value >> 1
        }
      }
      return ~value
    }
  }
}
