import JSONReader

extension VaultFakeState {
  /// The engine whose mount is the longest beginning of the path.
  private func engine(_ call: VaultFakeCall) -> (mount: String, engine: Engine, rest: String)? {
    let parts = call.path.split(separator: "/").map(String.init)
    for count in stride(from: parts.count - 1, through: 1, by: -1) {
      let mount = parts.prefix(count).joined(separator: "/")
      if let engine = engines[Self.key(call.namespace, mount)] {
        return (mount, engine, parts.dropFirst(count).joined(separator: "/"))
      }
    }
    return nil
  }

  mutating func useEngine(_ call: VaultFakeCall, _ token: Token, _ now: Double) -> FakeReply {
    guard let (mount, engine, rest) = engine(call) else {
      return .errors(404, "no handler for route \"\(call.path)\". route entry not found.")
    }
    switch engine {
    case .kv(version: 1): return versionOne(call, "\(mount)/\(rest)")
    case .kv: return versionTwo(call, mount, rest)
    case .database(let seconds, let isRenewable):
      let lease = Lease(
        id: next("\(mount)/\(rest)/lease-"), token: token.id, seconds: seconds, expires: now + seconds,
        latest: now + 10 * seconds, isRenewable: isRenewable)
      return database(call, lease)
    }
  }

  // MARK: - KV

  private mutating func versionOne(_ call: VaultFakeCall, _ path: String) -> FakeReply {
    let key = Self.key(call.namespace, path)
    if call.isWrite {
      secrets[key] = [Version(data: call.request.body)]
      return .noContent
    }
    guard let version = secrets[key]?.last else {
      return .errors(404)
    }
    return .json(
      200,
      #"{"lease_id":"","renewable":false,"lease_duration":2764800,"data":\#(version.data),"wrap_info":null,"warnings":null,"auth":null}"#
    )
  }

  private mutating func versionTwo(_ call: VaultFakeCall, _ mount: String, _ rest: String) -> FakeReply {
    guard rest.hasPrefix("data/") else {
      return .json(
        404,
        #"{"lease_id":"","renewable":false,"lease_duration":0,"data":null,"warnings":["Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv get' for this operation."]}"#
      )
    }
    let key = Self.key(call.namespace, "\(mount)/\(rest.dropFirst(5))")
    if call.isWrite {
      guard let data = call.body?.member("data")?.compact().unsafeString() else {
        return .errors(400, "no data provided")
      }
      secrets[key, default: []].append(Version(data: data))
      return .json(200, #"{"data":{"version":\#(secrets[key]?.count ?? 0)}}"#)
    }
    let versions = secrets[key] ?? []
    guard let number = wanted(call.request.query["version"], of: versions.count) else {
      return .errors(404)
    }
    let version = versions[number - 1]
    let isGone = version.deletedAt != nil || version.isDestroyed
    let data =
      #"{"data":\#(isGone ? "null" : version.data),"metadata":{"created_time":"2026-01-01T00:00:00Z","custom_metadata":null,"deletion_time":"\#(version.deletedAt ?? "")","destroyed":\#(version.isDestroyed),"version":\#(number)}}"#
    return .json(
      isGone ? 404 : 200, #"{"lease_id":"","renewable":false,"lease_duration":0,"data":\#(data),"warnings":null}"#)
  }

  private func wanted(_ text: String?, of count: Int) -> Int? {
    let number = text.map { Int($0) ?? -1 } ?? 0
    let chosen = number == 0 ? count : number
    return (1...max(count, 1)).contains(chosen) && count > 0 ? chosen : nil
  }

  // MARK: - Leases

  private mutating func database(_ call: VaultFakeCall, _ lease: Lease) -> FakeReply {
    guard call.request.method == "GET" else {
      return .errors(405)
    }
    let user = next("user-")
    leases[lease.id] = lease
    return .json(
      200,
      #"{"lease_id":"\#(lease.id)","renewable":\#(lease.isRenewable),"lease_duration":\#(Int(lease.seconds)),"data":{"username":"\#(user)","password":"password-of-\#(user)"},"warnings":null}"#
    )
  }

  mutating func renewLease(_ call: VaultFakeCall, _ now: Double) -> FakeReply {
    guard let id = call.text("lease_id"), let lease = leases[id] else {
      return .errors(400, "lease not found")
    }
    guard lease.isRenewable else {
      return .errors(400, "lease is not renewable")
    }
    let wanted = call.body?.member("increment")?.int64.map(Double.init) ?? lease.seconds
    let expires = min(now + wanted, lease.latest)
    leases[id]?.expires = expires
    return .json(200, #"{"lease_id":"\#(id)","renewable":true,"lease_duration":\#(Int(expires - now))}"#)
  }

  func lookUpLease(_ call: VaultFakeCall, _ now: Double) -> FakeReply {
    guard let id = call.text("lease_id"), let lease = leases[id] else {
      return .errors(400, "invalid lease")
    }
    return .json(
      200,
      #"{"lease_id":"","renewable":false,"lease_duration":0,"data":{"id":"\#(id)","renewable":\#(lease.isRenewable),"ttl":\#(Int(lease.expires - now))},"warnings":null}"#
    )
  }

  mutating func revokeLease(_ call: VaultFakeCall) -> FakeReply {
    guard let id = call.text("lease_id") else {
      return .errors(400, "lease ID must be specified")
    }
    leases[id] = nil
    return .noContent
  }
}
