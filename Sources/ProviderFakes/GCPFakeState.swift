/// What a fake of Google Cloud holds. All of it is guarded by the fake's lock.
struct GCPFakeState {
  struct Account {
    /// PEM texts by key id.
    var publicKeys: [String: String] = [:]
    /// Who may act as it, as e-mail addresses or `principal://…`.
    var tokenCreators: Set<String> = []
  }

  struct User {
    var clientID: String
    var clientSecret: String
    var email: String
  }

  struct Token {
    var principal: String
    var scopes: Set<String>
    /// Unix time.
    var expires: Double
  }

  struct Version {
    var data: String
    var state = GCPSecretState.enabled
  }

  struct Secret {
    /// Number 1 first.
    var versions: [Version] = []
    var aliases: [String: Int] = [:]
  }

  /// By e-mail address.
  var accounts: [String: Account] = [:]
  /// By refresh token.
  var users: [String: User] = [:]
  /// By audience.
  var pools: [String: GCPIdentityPool] = [:]
  var tokens: [String: Token] = [:]
  /// By name, as `projects/demo-project/secrets/db`.
  var secrets: [String: Secret] = [:]
  /// Ids with their numbers.
  var projects = [GCPFake.project: GCPFake.projectNumber]
  /// Who may log in and not read.
  var unprivileged: Set<String> = []
  /// Who may read secrets, and not list their versions, as roles/secretmanager.secretAccessor has it.
  var unlisting: Set<String> = []
  /// How many versions one page of a list has at most.
  var mostListed = 25_000
  /// The account of the machine that the metadata server speaks for; `nil`: it has none.
  var machineAccount: String?
  /// What the URL for subject tokens serves, and the header that it demands.
  var subjectToken: (body: String, header: (name: String, value: String)?)?
  /// The role and keys of the AWS machine whose metadata service is served; `nil`: there is none.
  var awsMachine: GCPFakeAWSMachine?
  var tokenSeconds = 3600
  /// How many payloads still go out with a checksum that is not theirs.
  var spoiltChecksums = 0
  /// Whether payloads go out without a checksum.
  var hidesChecksums = false
  var clockOffset = 0.0
  var counter = 0

  mutating func next() -> Int {
    counter += 1
    return counter
  }

  /// A new token, good at once.
  mutating func issue(to principal: String, _ scopes: [String], seconds: Int, _ now: Double) -> String {
    let token = "ya29.fake-\(next())"
    tokens[token] = Token(principal: principal, scopes: Set(scopes), expires: now + Double(seconds))
    return token
  }
}

public enum GCPSecretState: String, Sendable {
  case enabled = "ENABLED"
  case disabled = "DISABLED"
  case destroyed = "DESTROYED"
}

/// A workload identity pool's provider: which tokens of others it takes.
public struct GCPIdentityPool: Sendable {
  /// As `//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q`.
  public var audience: String
  public var issuer: String
  /// Audiences of the tokens it takes, beside its own.
  public var allowedAudiences: [String]
  /// PEM texts.
  public var publicKeys: [String]
  /// AWS secret access keys by their ids.
  public var awsKeys: [String: String]
  /// What the exchange itself must be authenticated with, as `id:secret`.
  public var client: String?

  public init(
    audience: String, issuer: String = "https://issuer.example", allowedAudiences: [String] = [],
    publicKeys: [String] = [], awsKeys: [String: String] = [:], client: String? = nil
  ) {
    self.audience = audience
    self.issuer = issuer
    self.allowedAudiences = allowedAudiences
    self.publicKeys = publicKeys
    self.awsKeys = awsKeys
    self.client = client
  }
}

/// What an AWS machine's metadata service says.
public struct GCPFakeAWSMachine: Sendable {
  public var role: String
  public var accessKeyID: String
  public var secretAccessKey: String
  public var sessionToken: String
  public var zone: String

  public init(
    role: String = "web-role", accessKeyID: String, secretAccessKey: String, sessionToken: String = "aws-session",
    zone: String = "eu-central-1a"
  ) {
    self.role = role
    self.accessKeyID = accessKeyID
    self.secretAccessKey = secretAccessKey
    self.sessionToken = sessionToken
    self.zone = zone
  }
}

/// One request as Google's services see it.
struct GCPFakeCall {
  let request: RecordedRequest
  /// Scheme and host that it was sent to.
  let base: String
  /// Unix time.
  let now: Double

  func header(_ name: String) -> String? { request.headers[name] }

  var bearer: String? {
    header("authorization").flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil }
  }

  /// The fields of a form; `+` is a space.
  var form: [String: String] {
    var fields: [String: String] = [:]
    for pair in request.body.split(separator: "&") {
      let sides = pair.split(separator: "=", maxSplits: 1).map {
        RequestHandler.decoded(Substring(String($0.map { $0 == "+" ? " " : $0 })))
      }
      fields[sides.first ?? ""] = sides.count > 1 ? sides[1] : ""
    }
    return fields
  }
}
