import Glibc
import JSONReader
import SecretBytes
import Synchronization

/// Answers for Azure's services from a state behind one lock.
final class AzureFakeCore: FakeCore {
  static let appServicePath = "/msi/token"
  static let arcPath = "/arc/metadata/identity/oauth2/token"
  static let metadataPath = "/metadata/identity/oauth2/token"

  private let state = Mutex(AzureFakeState())

  func change<R: Sendable>(_ body: (inout AzureFakeState) -> R) -> R {
    state.withLock { body(&$0) }
  }

  /// Unix time of the machine.
  static func clock() -> Double {
    Double(time(nil))
  }

  func answer(_ request: RecordedRequest, scheme: String) -> FakeReply {
    let base = "\(scheme)://\(request.headers["host"] ?? "127.0.0.1")"
    return state.withLock { state in
      state.answer(AzureFakeCall(request: request, base: base, now: Self.clock() + state.clockOffset))
    }
  }

  /// `POST /_fake/azure/advance?seconds=N` and `POST /_fake/azure/revoke-tokens`; `nil` for other endpoints.
  func administer(_ request: RecordedRequest) -> FakeReply? {
    switch request.line {
    case "POST /_fake/azure/advance":
      guard let seconds = request.query["seconds"].flatMap(Double.init) else {
        return .errors(400, "seconds is missing")
      }
      change { $0.clockOffset += seconds }
    case "POST /_fake/azure/revoke-tokens":
      change { $0.tokens = [:] }
    default:
      return nil
    }
    return .noContent
  }
}

extension AzureFakeState {
  mutating func answer(_ call: AzureFakeCall) -> FakeReply {
    switch (call.request.method, call.request.path) {
    case ("GET", AzureFakeCore.metadataPath): return instanceMetadata(call)
    case ("GET", AzureFakeCore.appServicePath): return appService(call)
    case ("GET", AzureFakeCore.arcPath): return arc(call)
    default: break
    }
    let segments = call.segments
    if segments.count == 4, segments[1...] == ["oauth2", "v2.0", "token"], call.request.method == "POST" {
      return token(call, tenant: segments[0])
    }
    if segments.count == 4, segments[1...] == ["v2.0", ".well-known", "openid-configuration"] {
      return discovery(call, tenant: segments[0])
    }
    if segments.first == "secrets", segments.count <= 3 {
      return vault(call, Array(segments.dropFirst()))
    }
    return FakeReply(status: 404, headers: [("Content-Type", "text/html")], body: "<html>404 not found</html>")
  }

  /// A new token, good at once.
  mutating func issue(_ audience: String, to client: String, tenant: String, _ now: Double) -> String {
    let token = "fake.\(next()).\(client)"
    tokens[token] = Token(tenant: tenant, audience: audience, client: client, expires: now + Double(tokenSeconds))
    return token
  }

  // MARK: - The vault

  private func vault(_ call: AzureFakeCall, _ path: [String]) -> FakeReply {
    guard let token = call.header("authorization").flatMap({ $0.hasPrefix("Bearer ") ? $0.dropFirst(7) : nil }) else {
      return unauthorized(call, "AKV10000: Request is missing a Bearer or PoP token.")
    }
    guard let held = tokens[String(token)], call.now < held.expires else {
      return unauthorized(call, "AKV10046: Unable to resolve the key used for signature validation.")
    }
    guard held.audience == resource else {
      return unauthorized(call, "AKV10022: Invalid audience. Expected \(resource), found: \(held.audience).")
    }
    guard held.tenant == vaultTenant else {
      return unauthorized(call, "AKV10032: Invalid issuer. Expected https://sts.windows.net/\(vaultTenant)/.")
    }
    guard call.request.query["api-version"] == "7.4" else {
      return .vaultError(400, "BadParameter", "The specified api-version is not supported.")
    }
    guard !unprivileged.contains(held.client) else {
      return .vaultError(403, "Forbidden", "Caller is not authorized to perform action.", inner: "ForbiddenByRbac")
    }
    guard let name = path.first else {
      return .object(200, [("value", .raw("[]")), ("nextLink", .raw("null"))])
    }
    if path.count > 1, path[1] == "versions" {
      return list(call, name)
    }
    return secret(call, name, version: path.count > 1 ? path[1] : nil)
  }

  /// Versions in the order of their names' ends, which is not that of time.
  private func list(_ call: AzureFakeCall, _ name: String) -> FakeReply {
    guard let versions = secrets[name] else {
      return .vaultError(404, "SecretNotFound", "A secret with (name/id) \(name) was not found in this key vault.")
    }
    let sorted = versions.sorted { String($0.id.reversed()) > String($1.id.reversed()) }
    let skipped = call.request.query["$skiptoken"].flatMap { Int($0) } ?? 0
    let page = sorted.dropFirst(skipped).prefix(mostListed)
    let items = page.map { version in
      #"{"id":"\#(call.base)/secrets/\#(name)/\#(version.id)","attributes":{"enabled":\#(version.state.isEnabled),"#
        + #""created":\#(version.created),"updated":\#(version.created)}}"#
    }
    let isLast = skipped + page.count >= sorted.count
    let link = nextLink ?? "\(call.base)/secrets/\(name)/versions?api-version=7.4&$skiptoken=\(skipped + page.count)"
    return .object(
      200,
      [
        ("value", .raw("[" + items.joined(separator: ",") + "]")),
        ("nextLink", isLast ? .raw("null") : .text(link)),
      ])
  }

  private func unauthorized(_ call: AzureFakeCall, _ message: String) -> FakeReply {
    var reply = FakeReply.vaultError(401, "Unauthorized", message)
    let own = #"Bearer authorization="\#(call.base)/\#(vaultTenant)", resource="\#(resource)""#
    reply.headers.append(("WWW-Authenticate", challenge ?? own))
    return reply
  }

  private func secret(_ call: AzureFakeCall, _ name: String, version id: String?) -> FakeReply {
    guard let versions = secrets[name], let version = id.map({ id in versions.first { $0.id == id } }) ?? versions.last
    else {
      return .vaultError(404, "SecretNotFound", "A secret with (name/id) \(name) was not found in this key vault.")
    }
    let state = version.state
    guard state.isEnabled else {
      return .vaultError(
        403, "Forbidden", "Operation get is not allowed on a disabled secret.", inner: "SecretDisabled")
    }
    if refusesOutsideDates, let end = state.expires, Double(end) <= call.now {
      return .vaultError(
        403, "Forbidden", "Operation get is not allowed on an expired secret.", inner: "SecretExpired")
    }
    if refusesOutsideDates, let start = state.notBefore, Double(start) > call.now {
      return .vaultError(
        403, "Forbidden", "Operation get is not allowed on a secret that is not yet valid.", inner: "SecretNotYetValid")
    }
    var attributes = #"{"enabled":true"#
    attributes += state.notBefore.map { #","nbf":\#($0)"# } ?? ""
    attributes += state.expires.map { #","exp":\#($0)"# } ?? ""
    attributes += #","created":\#(version.created),"updated":\#(version.created)"#
    attributes += #","recoveryLevel":"Recoverable+Purgeable"}"#
    var members: [(String, AzureFakeMember)] = [("value", .text(version.value))]
    if let contentType = state.contentType {
      members.append(("contentType", .text(contentType)))
    }
    members += [
      ("id", .text("\(call.base)/secrets/\(name)/\(version.id)")), ("attributes", .raw(attributes)),
      ("tags", .raw("{}")),
    ]
    return .object(200, members)
  }
}

/// A member of an answer.
enum AzureFakeMember {
  case text(String)
  case number(Int)
  /// JSON as it is.
  case raw(String)
}

extension FakeReply {
  static func object(_ status: Int, _ members: [(String, AzureFakeMember)]) -> FakeReply {
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
    return .json(status, json.finish().unsafeString() ?? "")
  }

  /// Key Vault's form of an error.
  static func vaultError(_ status: Int, _ code: String, _ message: String, inner: String? = nil) -> FakeReply {
    let detail = inner.map { #","innererror":{"code":"\#($0)"}"# } ?? ""
    return .object(status, [("error", .raw(#"{"code":"\#(code)","message":"\#(message)"\#(detail)}"#))])
  }
}
