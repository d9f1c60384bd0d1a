import Glibc
import JSONReader
import SecretBytes
import Synchronization

/// Answers Vault's API from a state behind one lock.
final class VaultFakeCore: FakeCore {
  private let state = Mutex(VaultFakeState())

  func change<R: Sendable>(_ body: (inout VaultFakeState) -> R) -> R {
    state.withLock { body(&$0) }
  }

  static func clock() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  func answer(_ request: RecordedRequest, scheme: String) -> FakeReply {
    guard request.path.hasPrefix("/v1/") else {
      return FakeReply(status: 404, headers: [("Content-Type", "text/html")], body: "<html>404 page not found</html>")
    }
    let body = request.body.isEmpty ? nil : try? JSONValue.parse(SecretBytes(request.body), limits: .payload)
    let namespace = (request.headers["x-vault-namespace"] ?? "").split(separator: "/").joined(separator: "/")
    let call = VaultFakeCall(
      request: request, path: String(request.path.dropFirst(4)), namespace: namespace, body: body)
    return state.withLock { $0.answer(call, now: Self.clock() + $0.clockOffset) }
  }

  func administer(_ request: RecordedRequest) -> FakeReply? {
    switch request.line {
    case "POST /_fake/vault/advance":
      guard let seconds = request.query["seconds"].flatMap(Double.init) else {
        return .errors(400, "seconds is missing")
      }
      change { $0.clockOffset += seconds }
    case "POST /_fake/vault/revoke-tokens":
      change { $0.tokens = $0.tokens.filter { $0.key == VaultFake.rootToken } }
    case "POST /_fake/vault/seal":
      change { $0.isSealed = true }
    case "POST /_fake/vault/unseal":
      change { $0.isSealed = false }
    default:
      return nil
    }
    return .noContent
  }
}

extension VaultFakeState {
  mutating func answer(_ call: VaultFakeCall, now: Double) -> FakeReply {
    expire(now)
    if let standbyOf {
      return FakeReply(status: 307, headers: [("Location", standbyOf + call.request.path)], body: "")
    }
    if call.path == "sys/health" || call.path == "sys/seal-status" {
      return .json(isSealed && call.path == "sys/health" ? 503 : 200, #"{"initialized":true,"sealed":\#(isSealed)}"#)
    }
    guard !isSealed else {
      return .errors(503, "Vault is sealed")
    }
    if requiresRequestHeader, call.request.headers["x-vault-request"] != "true" {
      return .errors(412, "missing 'X-Vault-Request' header")
    }
    guard namespaces.contains(call.namespace) else {
      return .errors(404, "no handler for route \"\(call.path)\". route entry not found.")
    }
    if call.path.hasPrefix("auth/"), call.path.hasSuffix("/login"), call.isWrite {
      return logIn(call, mount: String(call.path.dropFirst(5).dropLast(6)), now: now)
    }
    guard let token = spendToken(call) else {
      return .denied
    }
    switch call.path {
    case "auth/token/lookup-self": return lookUp(token, now)
    case "auth/token/renew-self" where call.isWrite: return renew(token, now)
    case "auth/token/revoke-self" where call.isWrite: return revoke(token)
    case "sys/leases/renew" where call.isWrite: return renewLease(call, now)
    case "sys/leases/lookup" where call.isWrite: return lookUpLease(call, now)
    case "sys/leases/revoke" where call.isWrite: return revokeLease(call)
    default: break
    }
    if let allowed = token.allowed, !allowed.contains(where: { call.path.hasPrefix($0) }) {
      return .errors(403, "1 error occurred:\n\t* permission denied\n\n")
    }
    return useEngine(call, token, now)
  }

  private mutating func expire(_ now: Double) {
    tokens = tokens.filter { $0.value.expires.map { now < $0 } ?? true }
    leases = leases.filter { now < $0.value.expires && tokens[$0.value.token] != nil }
  }

  /// The call's token, if it is good here; one use of it is spent.
  private mutating func spendToken(_ call: VaultFakeCall) -> Token? {
    guard
      let id = call.token, let token = tokens[id],
      token.namespace.isEmpty || call.namespace == token.namespace || call.namespace.hasPrefix(token.namespace + "/")
    else {
      return nil
    }
    if let uses = token.usesLeft {
      tokens[id]?.usesLeft = uses - 1
      if uses <= 1 {
        tokens[id] = nil
      }
    }
    return token
  }

  // MARK: - Tokens

  mutating func addToken(_ id: String, _ grant: VaultFakeGrant, _ namespace: String, at now: Double) {
    tokens[id] = Token(
      id: id, accessor: next("accessor-"), namespace: namespace, isBatch: grant.isBatch, isRenewable: grant.isRenewable,
      ttl: grant.ttl, expires: grant.ttl > 0 ? now + grant.ttl : nil,
      latest: grant.maximumTTL > 0 ? now + grant.maximumTTL : nil, usesLeft: grant.uses, allowed: grant.allowed)
  }

  private func lookUp(_ token: Token, _ now: Double) -> FakeReply {
    let left = token.expires.map { Int($0 - now) } ?? 0
    return .json(
      200,
      #"{"data":{"id":"\#(token.id)","accessor":"\#(token.accessor)","ttl":\#(left),"renewable":\#(token.isRenewable),"type":"\#(token.isBatch ? "batch" : "service")","policies":["default"]}}"#
    )
  }

  private mutating func renew(_ token: Token, _ now: Double) -> FakeReply {
    // A token without end, as root's, has no lease that could be renewed.
    guard token.isRenewable, token.expires != nil, tokens[token.id] != nil else {
      return .errors(400, token.isBatch ? "batch tokens cannot be renewed" : "lease is not renewable")
    }
    let expires = min(now + token.ttl, token.latest ?? .infinity)
    tokens[token.id]?.expires = expires
    return .json(200, auth(token, seconds: Int(expires - now)))
  }

  private mutating func revoke(_ token: Token) -> FakeReply {
    guard !token.isBatch else {
      return .errors(400, "batch tokens cannot be revoked")
    }
    tokens[token.id] = nil
    leases = leases.filter { $0.value.token != token.id }
    return .noContent
  }

  private func auth(_ token: Token, seconds: Int) -> String {
    #"{"auth":{"client_token":"\#(token.id)","accessor":"\#(token.accessor)","policies":["default"],"lease_duration":\#(seconds),"renewable":\#(token.isRenewable),"token_type":"\#(token.isBatch ? "batch" : "service")"},"warnings":null}"#
  }

  // MARK: - Logins

  private mutating func logIn(_ call: VaultFakeCall, mount: String, now: Double) -> FakeReply {
    let key = Self.key(call.namespace, mount)
    let outcome: Result<VaultFakeGrant, Refused>
    if appRoles[key] != nil {
      outcome = appRoleLogin(call, key)
    } else if let roles = jwtRoles[key] {
      outcome = jwtLogin(call, roles)
    } else {
      return .denied
    }
    switch outcome {
    case .failure(let refused):
      return .errors(refused.status, refused.message)
    case .success(let grant):
      let id = next(grant.isBatch ? "hvb.fake-" : "hvs.fake-")
      addToken(id, grant, call.namespace, at: now)
      return tokens[id].map { .json(200, auth($0, seconds: Int(grant.ttl))) } ?? .denied
    }
  }

  private struct Refused: Error {
    let status: Int
    let message: String
  }

  private mutating func appRoleLogin(_ call: VaultFakeCall, _ key: String) -> Result<VaultFakeGrant, Refused> {
    guard
      let roles = appRoles[key],
      let index = roles.firstIndex(where: {
        $0.roleID == call.text("role_id") && $0.secretID == call.text("secret_id")
      })
    else {
      return .failure(Refused(status: 400, message: "invalid role or secret ID"))
    }
    if roles[index].secretIDUses == 1 {
      let unknown = next("used-up-")
      appRoles[key]?[index].secretID = unknown
    } else if roles[index].secretIDUses > 1 {
      appRoles[key]?[index].secretIDUses -= 1
    }
    return .success(roles[index].grant)
  }

  private func jwtLogin(_ call: VaultFakeCall, _ roles: [String: JWTRole]) -> Result<VaultFakeGrant, Refused> {
    func refused(_ message: String) -> Result<VaultFakeGrant, Refused> {
      .failure(Refused(status: 400, message: message))
    }
    guard let role = call.text("role").flatMap({ roles[$0] }) else {
      return refused("role could not be found")
    }
    guard let token = call.text("jwt").flatMap({ JSONWebToken($0, keys: role.publicKeys) }) else {
      return refused(
        "error validating token: error verifying token signature: no known key successfully validated the token signature"
      )
    }
    let now = Int64(time(nil))
    guard let expiry = token.claims.member("exp")?.int64, expiry > now - 60 else {
      return refused("error validating token: invalid expiration time (exp) claim: token is expired")
    }
    if let start = token.claims.member("nbf")?.int64, start > now + 60 {
      return refused("error validating token: invalid not before (nbf) claim: token not yet valid")
    }
    for (claim, expected) in [("iss", role.issuer), ("aud", role.audience), ("sub", role.subject)] {
      if let expected, !token.claim(claim, is: expected) {
        return refused("error validating token: invalid \(claim) claim")
      }
    }
    return .success(role.grant)
  }
}
