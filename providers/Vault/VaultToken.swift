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
  let issuedAt: Moment
  /// Whether the server has accepted it: a login's token, or one that lookup-self knew.
  let isVerified: Bool

  var expiry: Moment? { lifetime.map { issuedAt.advanced(by: $0) } }

  /// When to renew it, or to log in anew where it does not renew.
  var twoThirds: Moment? { lifetime.map { issuedAt.advanced(by: $0 * 2 / 3) } }

  /// Until when it may be used: a token that is renewed, to its end; another one, until it is time to log in anew.
  var until: Moment? { isRenewable ? expiry : twoThirds }

  var grant: LoginSession<VaultToken>.Grant { .init(credential: self, until: until) }

  /// Reads the `auth` object of a login or renewal (https://openbao.org/api-docs/auth/approle/#login-with-approle).
  init?(auth: JSONValue?, isOwn: Bool, at moment: Moment) {
    guard let auth, let value = auth.member("client_token")?.secret, !value.isEmpty else {
      return nil
    }
    let seconds = auth.member("lease_duration")?.int64 ?? 0
    self.init(
      value: value.detached(), isOwn: isOwn, isBatch: auth.member("token_type")?.text == "batch",
      isRenewable: auth.member("renewable")?.boolean ?? false,
      lifetime: seconds > 0 ? .seconds(min(seconds, Self.longestSeconds)) : nil, issuedAt: moment, isVerified: true)
  }

  init(
    value: SecretBytes, isOwn: Bool, isBatch: Bool, isRenewable: Bool, lifetime: Duration?, issuedAt: Moment,
    isVerified: Bool
  ) {
    self.value = value
    self.isOwn = isOwn
    self.isBatch = isBatch
    self.isRenewable = isRenewable && !isBatch
    self.lifetime = lifetime
    self.issuedAt = issuedAt
    self.isVerified = isVerified
  }

  /// A hundred years: what a server says beyond that is no end worth counting.
  static let longestSeconds: Int64 = 3_155_760_000
}
