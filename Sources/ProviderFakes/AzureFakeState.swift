/// What a fake of Azure holds: a tenant's applications and identities, and one vault. All of it is guarded by the fake's lock.
struct AzureFakeState {
  struct Application {
    var secret: String?
    var secretHasExpired = false
    var federations: [AzureFederation] = []
  }

  struct Token {
    var tenant: String
    var audience: String
    var client: String
    /// Unix time.
    var expires: Double
  }

  struct Version {
    var id: String
    var value: String
    var state: AzureSecretState
    /// Unix time.
    var created: Int
  }

  /// By tenant and client id.
  var applications: [String: [String: Application]] = [:]
  /// Client id of the machine's own identity.
  var systemIdentity: String?
  var userIdentities: Set<String> = []
  var tokens: [String: Token] = [:]
  /// By name, oldest version first.
  var secrets: [String: [Version]] = [:]
  /// Client ids that may not read secrets.
  var unprivileged: Set<String> = []
  /// The tenant that the vault trusts.
  var vaultTenant = AzureFake.tenant
  /// What the vault wants tokens for.
  var resource = AzureFake.resource
  /// In the place of the vault's own `WWW-Authenticate`.
  var challenge: String?
  var refusesOutsideDates = false
  /// How many versions one page of a list has at most.
  var mostListed = 25
  /// In the place of the vault's own links to further pages.
  var nextLink: String?
  var tokenSeconds = 3600
  /// Folder and content of Arc's challenge files; `nil`: there is no Arc agent.
  var arcFolder: String?
  var arcKeys: Set<String> = []
  var clockOffset = 0.0
  var counter = 0

  mutating func next() -> Int {
    counter += 1
    return counter
  }
}

/// A token issuer that an application trusts (workload identity federation).
public struct AzureFederation: Sendable {
  public var issuer: String
  public var subject: String
  public var audience: String
  /// PEM texts.
  public var publicKeys: [String]

  public init(
    issuer: String, subject: String, audience: String = "api://AzureADTokenExchange", publicKeys: [String]
  ) {
    self.issuer = issuer
    self.subject = subject
    self.audience = audience
    self.publicKeys = publicKeys
  }
}

/// What a version of a secret says beside its value. Dates are Unix times.
public struct AzureSecretState: Sendable {
  public var isEnabled: Bool
  public var notBefore: Int?
  public var expires: Int?
  public var contentType: String?
  /// `nil`: a second after the version before.
  public var created: Int?

  public init(
    isEnabled: Bool = true, notBefore: Int? = nil, expires: Int? = nil, contentType: String? = nil,
    created: Int? = nil
  ) {
    self.created = created
    self.isEnabled = isEnabled
    self.notBefore = notBefore
    self.expires = expires
    self.contentType = contentType
  }
}

/// One request as Azure's services see it.
struct AzureFakeCall {
  let request: RecordedRequest
  /// `http://127.0.0.1:1234`, as the caller reached the fake.
  let base: String
  /// Unix time on the fake's clock.
  let now: Double

  var segments: [String] { request.path.split(separator: "/").map(String.init) }

  func header(_ name: String) -> String? { request.headers[name] }

  /// The fields of an urlencoded body.
  var form: [String: String] {
    var fields: [String: String] = [:]
    for pair in request.body.split(separator: "&") {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = sides.count > 1 ? String(sides[1]).split(separator: "+", omittingEmptySubsequences: false) : []
      fields[RequestHandler.decoded(sides[0])] = RequestHandler.decoded(Substring(value.joined(separator: " ")))
    }
    return fields
  }
}
