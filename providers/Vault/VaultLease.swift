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

  /// One of an earlier process: the server will say how long it is still good.
  init(_ inherited: VaultHandover.Lease, at moment: Moment) {
    id = inherited.id
    lifetime = .seconds(inherited.granted)
    isRenewable = inherited.isRenewable
    startedAt = moment
  }

  /// The same lease with what the server says is left of it.
  fileprivate init?(_ lease: VaultLease, left json: JSONValue, at moment: Moment) {
    guard let seconds = json.member("data")?.member("ttl")?.int64 else {
      return nil
    }
    id = lease.id
    lifetime = .seconds(min(max(seconds, 0), VaultToken.longestSeconds))
    isRenewable = lease.isRenewable
    startedAt = moment
  }

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

  /// After so many renewals in a row that came to nothing a lease is read anew: a server may fail at this one call alone, as OpenBao 2
  /// does for a KV 1 engine with `leased_passthrough`.
  private static let mostFailures = 3
  /// How long before its end a lease is given up that could not be renewed.
  private static let margin: Duration = .seconds(15)

  private let api: VaultAPI
  private var held: [VaultLookup: Held] = [:]
  /// Those of an earlier process that were not asked for yet, by their paths.
  private var inherited: [String: Held] = [:]
  /// Renewals in a row that came to nothing, by paths.
  private var failures: [String: Int] = [:]

  init(api: VaultAPI) {
    self.api = api
  }

  private var services: ProviderServices { api.connection.services }

  var isEmpty: Bool { held.isEmpty && inherited.isEmpty }

  /// What a later process could go on with.
  func handedOver(of lookups: [VaultLookup]) -> [VaultHandover.Lease] {
    lookups.compactMap { lookup in
      (held[lookup] ?? inherited[lookup.readPath]).map {
        VaultHandover.Lease(
          path: lookup.readPath, id: $0.lease.id, granted: $0.granted.components.seconds,
          isRenewable: $0.lease.isRenewable, payload: $0.secret.payload)
      }
    }
  }

  func inherit(_ leases: [VaultHandover.Lease]) {
    let now = services.time.now
    for lease in leases where inherited[lease.path] == nil && !held.keys.contains(where: { $0.readPath == lease.path })
    {
      let restored = VaultLease(lease, at: now)
      inherited[lease.path] = Held(
        secret: FetchedSecret(payload: lease.payload, expiry: restored.expiry, fetchedAt: now), lease: restored,
        granted: restored.lifetime)
    }
  }

  /// Keeps a new lease; the one that it replaces runs out by itself, since a workload may still use its value.
  func keep(_ read: VaultReader.Read, for lookup: VaultLookup) {
    inherited[lookup.readPath] = nil
    failures[lookup.readPath] = nil
    if let lease = read.lease {
      held[lookup] = Held(secret: read.secret, lease: lease, granted: lease.lifetime)
    } else {
      held[lookup] = nil
    }
  }

  /// The held value where its lease goes on: renewed for at least two thirds of what it was granted; or one of an earlier process that
  /// cannot be renewed, and is not half over yet. `nil`: read anew.
  ///
  /// - Throws: where the server could not be asked, while the lease holds: to read anew would make a second one.
  func continued(_ lookup: VaultLookup, token: SecretBytes) async throws(ProviderFailure) -> FetchedSecret? {
    guard let current = held[lookup] ?? inherited[lookup.readPath], current.lease.isRenewable || held[lookup] == nil,
      services.time.now < current.lease.expiry
    else {
      inherited[lookup.readPath] = nil
      return nil
    }
    let sentAt = services.time.now
    let lease: VaultLease?
    do throws(ProviderFailure) {
      lease = try await ask(about: current, lookup, token: token)
    } catch {
      let mayPass = error.isRetriable || error.source == .stranger
      let count = min(failures[lookup.readPath] ?? 0, Self.mostFailures) + 1
      failures[lookup.readPath] = count
      let isNearItsEnd = services.time.now >= current.lease.expiry.advanced(by: .zero - Self.margin)
      guard !mayPass || isNearItsEnd || count >= Self.mostFailures else {
        throw error
      }
      if !mayPass {
        inherited[lookup.readPath] = nil
      }
      return nil
    }
    failures[lookup.readPath] = nil
    inherited[lookup.readPath] = nil
    let isRenewable = current.lease.isRenewable
    guard let lease, lease.lifetime >= (isRenewable ? current.granted * 2 / 3 : current.granted / 2) else {
      return nil
    }
    // What is not renewed is read anew at the half of the life that it was granted.
    let secret = FetchedSecret(
      payload: current.secret.payload, version: current.secret.version, expiry: lease.expiry,
      fetchedAt: isRenewable ? sentAt : lease.expiry.advanced(by: .zero - current.granted))
    held[lookup] = Held(secret: secret, lease: lease, granted: current.granted)
    return secret
  }

  /// The lease of `current` as it is after the call: renewed, or looked up where that cannot be.
  private func ask(
    about current: Held, _ lookup: VaultLookup, token: SecretBytes
  ) async throws(ProviderFailure) -> VaultLease? {
    let sentAt = services.time.now
    let isRenewable = current.lease.isRenewable
    let call = VaultAPI.Call(
      method: .put, path: isRenewable ? "sys/leases/renew" : "sys/leases/lookup", token: token,
      body: Self.body(current.lease.id, increment: isRenewable ? current.granted : nil),
      reference: lookup.description)
    guard isRenewable else {
      return try await api.send(call).json.flatMap { VaultLease(current.lease, left: $0, at: sentAt) }
    }
    do throws(ProviderFailure) {
      let lease = try await api.send(call).json.flatMap { VaultLease($0, at: sentAt) }
      api.connection.metrics.renewed(lease != nil)
      return lease
    } catch {
      api.connection.metrics.renewed(false)
      throw error
    }
  }

  /// The calls that revoke every lease that is held; none is held any more.
  func revocations() -> [VaultAPI.Call] {
    defer {
      held = [:]
      inherited = [:]
    }
    return (Array(held.values) + inherited.values).map {
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
