import EventLoop
import ExecutionModel
import JSONReader
import ProviderKit
import SecretBytes

/// A lease that a dynamic secret hangs on (https://openbao.org/docs/concepts/lease/).
struct VaultLease: Sendable {
  let id: String
  let lifetime: Duration
  let isRenewable: Bool
  let startedAt: Moment

  var expiry: Moment { startedAt.advanced(by: lifetime) }

  /// The lease of an answer; `nil` where there is none, as for KV.
  init?(_ json: JSONValue, at moment: Moment) {
    guard let id = json.member("lease_id")?.text, !id.isEmpty else {
      return nil
    }
    let seconds = json.member("lease_duration")?.int64 ?? 0
    self.id = id
    self.lifetime = .seconds(min(max(seconds, 0), VaultToken.longestSeconds))
    self.isRenewable = json.member("renewable")?.boolean ?? false
    self.startedAt = moment
  }
}

/// The leases that this connection holds, by what they were read for.
actor VaultLeases {
  private struct Held {
    let secret: FetchedSecret
    let lease: VaultLease
    /// The lifetime that the engine granted at first: a renewal that gives much less has met the maximum.
    let granted: Duration
  }

  private let api: VaultAPI
  private var held: [VaultLookup: Held] = [:]

  init(api: VaultAPI) {
    self.api = api
  }

  private var services: ProviderServices { api.connection.services }

  var isEmpty: Bool { held.isEmpty }

  /// Keeps a new lease; the one that it replaces runs out by itself, since a workload may still use its value.
  func keep(_ read: VaultReader.Read, for lookup: VaultLookup) {
    if let lease = read.lease {
      held[lookup] = Held(secret: read.secret, lease: lease, granted: lease.lifetime)
    } else {
      held[lookup] = nil
    }
  }

  /// The held value with a longer life, if its lease renews for at least two thirds of what it was granted; `nil`: read anew.
  func renewed(_ lookup: VaultLookup, token: SecretBytes) async -> FetchedSecret? {
    guard let current = held[lookup], current.lease.isRenewable, services.time.now < current.lease.expiry else {
      return nil
    }
    let body = Self.body(current.lease.id, increment: current.granted)
    let sentAt = services.time.now
    let call = VaultAPI.Call(
      method: .put, path: "sys/leases/renew", token: token, body: body, reference: lookup.description)
    let lease = (try? await api.send(call))?.json.flatMap { VaultLease($0, at: sentAt) }
    api.connection.metrics.renewed(lease != nil)
    guard let lease, lease.lifetime >= current.granted * 2 / 3 else {
      return nil
    }
    let secret = FetchedSecret(
      payload: current.secret.payload, version: current.secret.version, expiry: lease.expiry, fetchedAt: sentAt)
    held[lookup] = Held(secret: secret, lease: lease, granted: current.granted)
    return secret
  }

  /// The calls that revoke every lease that is held; none is held any more.
  func revocations() -> [VaultAPI.Call] {
    defer { held = [:] }
    return held.values.map {
      VaultAPI.Call(method: .put, path: "sys/leases/revoke", body: Self.body($0.lease.id, increment: nil))
    }
  }

  private static func body(_ lease: String, increment: Duration?) -> SecretBytes {
    var body = JSONWriter()
    body.beginObject()
    body.name("lease_id")
    body.string(lease)
    if let increment {
      body.name("increment")
      body.number(increment.components.seconds)
    }
    body.endObject()
    return body.finish()
  }
}
