import JSONReader
import SecretBytes

extension GCPFakeState {
  static func key(_ project: String, _ location: String?, _ name: String) -> String {
    "projects/\(project)" + (location.map { "/locations/\($0)" } ?? "") + "/secrets/\(name)"
  }

  /// Secret Manager's `access`; `name` is `projects/P[/locations/L]/secrets/S/versions/V`.
  mutating func access(_ call: GCPFakeCall, _ name: String) -> FakeReply {
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
    let parts = name.split(separator: "/").map(String.init)
    guard
      parts.count >= 6, let project = projects.first(where: { $0.key == parts[1] || $0.value == parts[1] }),
      !unprivileged.contains(token.principal)
    else {
      return .apiError(
        403, "PERMISSION_DENIED", "Permission 'secretmanager.versions.access' denied (or it may not exist).",
        "IAM_PERMISSION_DENIED")
    }
    return version(parts, project)
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
