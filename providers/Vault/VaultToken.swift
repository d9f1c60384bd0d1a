import EventLoop
import JSONReader
import ProviderKit
import SecretBytes

/// A token and what is known of its life.
struct VaultToken: Sendable {
  let value: SecretBytes
  /// Whether the agent made it by a login, so that the agent revokes it.
  let isOwn: Bool
  /// Batch tokens are neither renewed nor revoked (https://openbao.org/docs/concepts/tokens/#batch-tokens).
  let isBatch: Bool
  let isRenewable: Bool
  /// `nil`: it does not end, or its end is not known.
  let lifetime: Duration?
  /// What it had when it was made: a renewal that gives much less has met the maximum.
  let granted: Duration
  let issuedAt: Moment
  /// Whether the server has accepted it: a login's token, or one that lookup-self knew.
  let isVerified: Bool
  /// When the server is asked about a given token's life; `nil`: not any more.
  var lookUpAt: Moment?

  var isRevocable: Bool { isOwn && !isBatch }

  var expiry: Moment? { lifetime.map { issuedAt.advanced(by: $0) } }

  /// When to renew it, or to log in anew where it does not renew.
  var twoThirds: Moment? { lifetime.map { issuedAt.advanced(by: $0 * 2 / 3) } }

  var grant: Session<VaultToken>.Grant {
    .init(
      credential: self, until: expiry, renewAt: lookUpAt ?? twoThirds, isLengthened: isRenewable || lookUpAt != nil)
  }

  /// A read does not wait for what the server says of a given token, and one that is over by then never asks: it may be good for one
  /// call only, or not be allowed to look itself up.
  static let lookUpDelay: Duration = .seconds(60)

  /// A token that somebody else made, and of which nothing is known.
  static func given(_ value: SecretBytes, at moment: Moment) -> VaultToken {
    var token = VaultToken(
      value: value, isOwn: false, isBatch: false, isRenewable: false, lifetime: nil, issuedAt: moment, isVerified: false
    )
    token.lookUpAt = moment.advanced(by: lookUpDelay)
    return token
  }

  /// Reads the `auth` object of a login or renewal (https://openbao.org/api-docs/auth/approle/#login-with-approle).
  init?(auth: JSONValue?, isOwn: Bool, at moment: Moment) {
    guard let auth, let value = auth.member("client_token")?.secret, !value.isEmpty else {
      return nil
    }
    self.init(
      value: value.detached(), isOwn: isOwn, isBatch: auth.member("token_type")?.text == "batch",
      isRenewable: auth.member("renewable")?.boolean ?? false,
      lifetime: Self.lifetime(auth.member("lease_duration")), issuedAt: moment, isVerified: true)
  }

  init(
    value: SecretBytes, isOwn: Bool, isBatch: Bool, isRenewable: Bool, lifetime: Duration?, granted: Duration? = nil,
    issuedAt: Moment, isVerified: Bool
  ) {
    self.value = value
    self.isOwn = isOwn
    self.isBatch = isBatch
    self.isRenewable = isRenewable && !isBatch
    self.lifetime = lifetime
    self.granted = granted ?? lifetime ?? .zero
    self.issuedAt = issuedAt
    self.isVerified = isVerified
  }

  /// What a server says of a life in seconds; `nil` for one without end.
  static func lifetime(_ seconds: JSONValue?) -> Duration? {
    seconds?.int64.flatMap { $0 > 0 ? .seconds(min($0, longestSeconds)) : nil }
  }

  /// Asks about the token.
  var lookUp: VaultAPI.Call { VaultAPI.Call(path: "auth/token/lookup-self", token: value, accepts: [401, 403]) }

  /// The same token with what the server says of its life. One whose policies do not let it look itself up may be good all the same,
  /// so only the use of it tells, and nothing is asked about it any more.
  func lookedUp(_ api: VaultAPI) async throws(ProviderFailure) -> VaultToken {
    let sentAt = api.connection.services.time.now
    let answer = try await api.send(lookUp)
    let data = answer.status == 200 ? answer.json?.member("data") : nil
    return VaultToken(
      value: value, isOwn: isOwn, isBatch: data?.member("type")?.text == "batch",
      isRenewable: data?.member("renewable")?.boolean ?? false, lifetime: Self.lifetime(data?.member("ttl")),
      issuedAt: sentAt, isVerified: data != nil)
  }

  /// The same token after `auth/token/renew-self`, whose answer repeats it; what that says of its life counts. Close to the maximum
  /// TTL a renewal gives less and less: then the rest is used up, and a new login follows.
  func renewed(_ api: VaultAPI) async throws(ProviderFailure) -> VaultToken {
    let sentAt = api.connection.services.time.now
    let call = VaultAPI.Call(method: .post, path: "auth/token/renew-self", token: value)
    guard let auth = try await api.send(call).json?.member("auth"), auth.kind == .object else {
      throw api.errors.incomplete("token", nil)
    }
    let lifetime = Self.lifetime(auth.member("lease_duration")) ?? .zero
    let lengthens = lifetime >= granted * 2 / 3 && auth.member("renewable")?.boolean ?? true
    return VaultToken(
      value: value, isOwn: isOwn, isBatch: false, isRenewable: lengthens, lifetime: lifetime, granted: granted,
      issuedAt: sentAt, isVerified: true)
  }

  /// A hundred years: what a server says beyond that is no end worth counting.
  static let longestSeconds: Int64 = 3_155_760_000
}
