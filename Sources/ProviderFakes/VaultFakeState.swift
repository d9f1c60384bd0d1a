import JSONReader

/// What a fake Vault holds. All of it is guarded by the fake's lock.
struct VaultFakeState {
  struct Token {
    var id: String
    var accessor: String
    var namespace: String
    var isBatch = false
    var isRenewable = false
    /// Seconds of a renewal.
    var ttl: Double
    /// On the fake's clock; `nil` without end.
    var expires: Double?
    /// No renewal leads beyond this.
    var latest: Double?
    var usesLeft: Int?
    /// Path prefixes that it may use; `nil`: all (root).
    var allowed: [String]?
  }

  struct AppRole {
    var roleID: String
    var secretID: String
    /// How many logins the secret id is good for; 0 without end.
    var secretIDUses = 0
    var grant: VaultFakeGrant
  }

  struct JWTRole {
    var publicKeys: [String]
    var issuer: String?
    var audience: String?
    var subject: String?
    var grant: VaultFakeGrant
  }

  enum Engine {
    case kv(version: Int)
    /// Every read makes a user and a lease of so many seconds.
    case database(leaseSeconds: Double, isRenewable: Bool)
  }

  struct Version {
    var data: String
    var deletedAt: String?
    var isDestroyed = false
  }

  struct Lease {
    var id: String
    var token: String
    var seconds: Double
    var expires: Double
    var latest: Double
    var isRenewable: Bool
  }

  /// By namespace and path, joined by a NUL that neither can hold.
  var engines: [String: Engine] = [:]
  var secrets: [String: [Version]] = [:]
  var appRoles: [String: [AppRole]] = [:]
  var jwtRoles: [String: [String: JWTRole]] = [:]
  var namespaces: Set<String> = [""]
  var tokens: [String: Token] = [:]
  var leases: [String: Lease] = [:]
  var isSealed = false
  var standbyOf: String?
  var requiresRequestHeader = false
  var clockOffset = 0.0
  var counter = 0

  mutating func next(_ prefix: String) -> String {
    counter += 1
    return "\(prefix)\(counter)"
  }

  static func key(_ namespace: String, _ path: String) -> String { "\(namespace)\u{0}\(path)" }
}

/// What a login gives.
public struct VaultFakeGrant: Sendable {
  /// Seconds; 0 is without end.
  public var ttl: Double
  public var maximumTTL: Double
  public var isRenewable: Bool
  public var isBatch: Bool
  /// Path prefixes that the token may use, as `secret/`; `nil`: all.
  public var allowed: [String]?
  /// How many calls the token is good for.
  public var uses: Int?

  public init(
    ttl: Double = 3600, maximumTTL: Double = 0, isRenewable: Bool = true, isBatch: Bool = false,
    allowed: [String]? = nil,
    uses: Int? = nil
  ) {
    self.ttl = ttl
    self.maximumTTL = maximumTTL
    self.isRenewable = isRenewable && !isBatch
    self.isBatch = isBatch
    self.allowed = allowed
    self.uses = uses
  }
}

/// One request as Vault sees it.
struct VaultFakeCall {
  let request: RecordedRequest
  /// Below `/v1/`.
  let path: String
  let namespace: String
  let body: JSONValue?

  /// The request's token, also as a bearer.
  var token: String? {
    request.headers["x-vault-token"]
      ?? request.headers["authorization"].flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil }
  }

  var isWrite: Bool { request.method == "PUT" || request.method == "POST" }

  func text(_ name: String) -> String? { body?.member(name)?.text }
}

extension FakeReply {
  static func errors(_ status: Int, _ message: String? = nil) -> FakeReply {
    var json = JSONWriter()
    json.beginObject()
    json.name("errors")
    json.beginArray()
    if let message {
      json.string(message)
    }
    json.endArray()
    json.endObject()
    return .json(status, json.finish().unsafeString() ?? "")
  }

  static let denied = errors(403, "permission denied")
  static let noContent = FakeReply(status: 204, body: "")
}
