import EventLoop
import JSONReader
import ProviderKit
import SecretBytes

/// What one process leaves to the next: the token that the agent made, and the leases that hang on it, with what was read. A server
/// revokes a token's leases with it, so that a lease is of no use without its token.
struct VaultHandover: Sendable {
  /// A token that the agent made.
  struct Token: Sendable {
    let value: SecretBytes
    let isBatch: Bool
    let isRenewable: Bool
    /// What it had when it was made, in seconds.
    let granted: Int64
  }

  struct Lease: Sendable {
    /// Below `/v1/`.
    let path: String
    let id: String
    /// The lifetime that the engine granted at first, in seconds.
    let granted: Int64
    let isRenewable: Bool
    let payload: SecretBytes
  }

  /// `nil`: the leases hang on a token that somebody else made, and that the next process is given too.
  let token: Token?
  let leases: [Lease]

  init(token: Token?, leases: [Lease]) {
    self.token = token
    self.leases = leases
  }

  /// In an order that does not change, so that two of the same are the same bytes.
  var text: SecretBytes {
    var json = JSONWriter()
    json.beginObject()
    if let token {
      json.name("token")
      json.beginObject()
      json.member("value", token.value)
      json.member("batch", token.isBatch)
      json.member("renewable", token.isRenewable)
      json.member("granted", token.granted)
      json.endObject()
    }
    json.name("leases")
    json.beginArray()
    for lease in leases.sorted(by: { $0.path < $1.path }) {
      json.beginObject()
      json.member("path", lease.path)
      json.member("id", lease.id)
      json.member("granted", lease.granted)
      json.member("renewable", lease.isRenewable)
      json.member("payload", lease.payload)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.finish()
  }

  /// `nil` where it is not what ``text`` writes.
  init?(_ text: SecretBytes) {
    guard let json = try? JSONValue.parse(text, limits: .payload), json.kind == .object,
      let entries = json.member("leases"), entries.kind == .array
    else {
      return nil
    }
    token = json.member("token").flatMap { Self.token($0) }
    let leases = entries.elements.map { Self.lease($0) }
    self.leases = leases.compactMap { $0 }
    guard self.leases.count == leases.count, (token == nil) == (json.member("token") == nil) else {
      return nil
    }
  }

  private static func token(_ json: JSONValue) -> Token? {
    guard let value = json.member("value")?.secret, !value.isEmpty, let isBatch = json.member("batch")?.boolean,
      let isRenewable = json.member("renewable")?.boolean, let granted = seconds(json.member("granted"))
    else {
      return nil
    }
    return Token(value: value.detached(), isBatch: isBatch, isRenewable: isRenewable, granted: granted)
  }

  private static func lease(_ json: JSONValue) -> Lease? {
    guard let path = json.member("path")?.text, let id = json.member("id")?.text, !id.isEmpty,
      let granted = seconds(json.member("granted")), let isRenewable = json.member("renewable")?.boolean,
      let payload = json.member("payload")?.secret
    else {
      return nil
    }
    return Lease(path: path, id: id, granted: granted, isRenewable: isRenewable, payload: payload.detached())
  }

  private static func seconds(_ json: JSONValue?) -> Int64? {
    json?.int64.flatMap { (0...VaultToken.longestSeconds).contains($0) ? $0 : nil }
  }
}

/// The token of an earlier process, until the server has said whether it is good.
actor VaultInheritance {
  private let api: VaultAPI
  private(set) var token: VaultToken?

  init(api: VaultAPI) {
    self.api = api
  }

  /// - Returns: whether there was no other one yet.
  func take(_ inherited: VaultHandover.Token) -> Bool {
    if let token {
      return token.value == inherited.value
    }
    let life = Duration.seconds(inherited.granted)
    token = VaultToken(
      value: inherited.value, isOwn: true, isBatch: inherited.isBatch, isRenewable: inherited.isRenewable,
      lifetime: life, granted: life, issuedAt: api.connection.services.time.now, isVerified: false)
    return true
  }

  /// The token with what is left of its life, lengthened where that can be; `nil` where there is none, or it is good no more.
  ///
  /// - Throws: where the server cannot be asked: another token now would leave this one's leases to their end.
  func verified() async throws(ProviderFailure) -> VaultToken? {
    guard let held = token else {
      return nil
    }
    if held.isRenewable {
      do throws(ProviderFailure) {
        let renewed = try await held.renewed(api)
        token = nil
        return renewed
      } catch {
        guard error.source == .service, !error.isRetriable else {
          throw error
        }
        // One without an end is not renewed, and one that is gone neither.
      }
    }
    let known = try await held.lookedUp(api)
    token = nil
    return known.isVerified ? known : nil
  }
}
