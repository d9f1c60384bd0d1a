/// What a fake AWS holds. All of it is guarded by the fake's lock.
struct AWSFakeState {
  struct AccessKey {
    var secret: String
    /// Temporary keys only work together with theirs.
    var sessionToken: String?
    /// Unix time.
    var expires: Int64?
    var principal: String
  }

  struct WebIdentity {
    var publicKeys: [String]
    var issuer: String?
    var audience: String?
    var subject: String?
  }

  struct Role {
    var externalID: String?
    var maximumSeconds: Int64 = 43_200
    /// `nil`: signed callers assume it.
    var webIdentity: WebIdentity?
  }

  struct InstanceRole {
    var name: String
    var seconds: Int64
  }

  struct Container {
    var path: String
    var token: String?
    var seconds: Int64
  }

  struct Denial {
    var action: String
    var resource: String

    func covers(_ action: String, _ resource: String) -> Bool {
      Self.matches(action, self.action) && Self.matches(resource, self.resource)
    }

    private static func matches(_ text: String, _ pattern: String) -> Bool {
      pattern.hasSuffix("*") ? text.hasPrefix(pattern.dropLast()) : text == pattern
    }
  }

  enum SecretContent {
    case text(String)
    /// In base64.
    case binary(String)
  }

  struct SecretVersion {
    var id: String
    var content: SecretContent
    var stages: [String]
  }

  struct Secret {
    var name: String
    var arn: String
    var versions: [SecretVersion] = []
    var isMarkedForDeletion = false
    var isKeyBroken = false
  }

  struct ParameterVersion {
    var value: String
    var labels: [String]
  }

  struct Parameter {
    var name: String
    var type: String
    /// Version 1 first.
    var versions: [ParameterVersion] = []
    var isKeyBroken = false
  }

  let region: String
  var accessKeys: [String: AccessKey] = [:]
  var roles: [String: Role] = [:]
  var instanceRole: InstanceRole?
  var container: Container?
  /// Tokens of the metadata service, with the unix time at which each ends.
  var metadataTokens: [String: Int64] = [:]
  var denials: [Denial] = []
  var secrets: [String: Secret] = [:]
  var parameters: [String: Parameter] = [:]
  var leftOutOfBatches: Set<String> = []
  var clockOffset: Int64 = 0
  private var counter = 0

  init(region: String) {
    self.region = region
  }

  mutating func nextNumber() -> Int {
    counter += 1
    return counter
  }

  // MARK: - Values

  mutating func putSecret(_ name: String, _ content: SecretContent) -> String {
    let number = String(nextNumber())
    let id = "00000000-0000-4000-8000-" + String(repeating: "0", count: max(12 - number.count, 0)) + number
    // Six characters that the service chooses.
    let arn =
      "arn:aws:secretsmanager:\(region):\(AWSFake.account):secret:\(name)-Fa\(String(1000 + name.utf8.count % 9000))"
    var secret = secrets[name] ?? Secret(name: name, arn: arn)
    for index in secret.versions.indices {
      let wasCurrent = secret.versions[index].stages.contains("AWSCURRENT")
      secret.versions[index].stages = wasCurrent ? ["AWSPREVIOUS"] : []
    }
    secret.versions.append(SecretVersion(id: id, content: content, stages: ["AWSCURRENT"]))
    secrets[name] = secret
    return id
  }

  mutating func putParameter(_ name: String, _ value: String, _ type: String, _ labels: [String]) -> Int {
    var parameter = parameters[name] ?? Parameter(name: name, type: type)
    parameter.type = type
    parameter.versions.append(ParameterVersion(value: value, labels: labels))
    parameters[name] = parameter
    return parameter.versions.count
  }

  /// The slash that a path starts with takes the place of the one between `parameter` and the name.
  func parameterARN(_ name: String) -> String {
    "arn:aws:ssm:\(region):\(AWSFake.account):parameter" + (name.hasPrefix("/") ? name : "/\(name)")
  }

  // MARK: - Temporary keys

  struct TemporaryKey {
    let id: String
    let secret: String
    let sessionToken: String
    let expires: Int64
  }

  /// A new key that works for `seconds`.
  mutating func issueKey(principal: String, seconds: Int64, now: Int64) -> TemporaryKey {
    let number = nextNumber()
    let key = TemporaryKey(
      id: "ASIAFAKE\(100_000 + number)", secret: "secret/of+temporary/key/\(number)",
      sessionToken: "IQoJb3JpZ2luX2Zha2U/session+token==\(number)", expires: now + seconds)
    accessKeys[key.id] = AccessKey(
      secret: key.secret, sessionToken: key.sessionToken, expires: key.expires, principal: principal)
    return key
  }
}
