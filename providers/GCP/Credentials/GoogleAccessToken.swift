import EventLoop
import JSONReader
import ProviderKit
import SecretBytes

/// An access token, its life, and whose it is.
struct GoogleAccessToken: Sendable {
  /// What ends sooner than this is replaced before it is used: a call may be on its way for a while.
  static let margin: Duration = .seconds(10)
  /// What Google gives where an answer does not say.
  static let standardSeconds: Int64 = 3600
  /// A year: what a service says beyond that is no end worth counting.
  static let longestSeconds: Int64 = 31_536_000
  /// Google's own are below 2 KiB; those of federated identities can be larger.
  static let longestToken = 16 * 1024

  /// What an answer is told to be that gives none.
  static let absence =
    "the answer has no token that can be used: access_token of at most \(longestToken) bytes, expires_in above 0"

  let value: SecretBytes
  let lifetime: Duration
  let issuedAt: Moment
  /// Who it speaks for, as `service account web@shop.iam.gserviceaccount.com`.
  let principal: String
  /// The project that calls with it count on, by the credential's file.
  let quotaProject: String?

  var end: Moment { issuedAt.advanced(by: lifetime) }
  var until: Moment { issuedAt.advanced(by: lifetime - min(Self.margin, lifetime / 4)) }
  var renewAt: Moment { issuedAt.advanced(by: lifetime - RefreshWindow.lead(of: lifetime)) }

  /// - Returns: `nil` where `value` cannot be a token, or `seconds` is no life.
  init?(_ value: SecretBytes?, seconds: Int64, issuedAt: Moment, principal: String, quotaProject: String?) {
    guard
      let value, (1...Self.longestToken).contains(value.count), seconds > 0,
      value.withUnsafeBytes({ $0.allSatisfy { (0x21...0x7e).contains($0) } })
    else {
      return nil
    }
    self.value = value.detached()
    self.lifetime = .seconds(min(seconds, Self.longestSeconds))
    self.issuedAt = issuedAt
    self.principal = principal
    self.quotaProject = quotaProject
  }

  /// Reads the answer of an OAuth token endpoint, of the token exchange, or of the metadata server (RFC 6749 §5.1).
  init?(_ json: JSONValue, issuedAt: Moment, principal: String, quotaProject: String?) {
    guard json.member("token_type")?.text.map({ $0.lowercased() == "bearer" }) ?? true else {
      return nil
    }
    let given = json.member("expires_in").flatMap { $0.isNull ? nil : $0 }
    guard
      // Some services write the number as a string.
      let seconds = given.map({ $0.int64 ?? $0.text.flatMap { Int64($0) } }) ?? Self.standardSeconds
    else {
      return nil
    }
    self.init(
      json.member("access_token")?.secret, seconds: seconds, issuedAt: issuedAt, principal: principal,
      quotaProject: quotaProject)
  }
}
