import AWSSigning
import ExecutionModel
import JSONReader
import ProviderKit
import SecretBytes

/// What documents and STS say of one session of a role.
enum RoleSession {
  static let accessKeyID = "access_key_id"
  static let secretAccessKey = "secret_access_key"
  static let sessionToken = "session_token"
  static let expiration = "expiration"
  static let region = "region"

  /// What an entry's `field` may name.
  static let fields = [accessKeyID, secretAccessKey, sessionToken, expiration, region]

  static let roleARN = TextGrammar(
    "the ARN of a role, as arn:aws:iam::123456789012:role/name", pattern: "^arn:.+:role/.+$"
  ) { text in
    text.hasPrefix("arn:") && text.contains(":role/") && !text.hasSuffix(":role/")
  }

  static let name = TextGrammar.word(2...64, "_+=,.@-", "2 to 64 letters, digits and _+=,.@-")

  static let externalID = TextGrammar.word(2...1224, "_+=,.@:/-", "2 to 1224 letters, digits and _+=,.@:/-")

  /// The job and the node, so that AWS's logs tell who asked: `web@edge-17`.
  @Sendable static func standardName(_ names: ExecutionNames) -> String {
    func part(_ text: String, _ longest: Int) -> String {
      let letters = text.utf8.prefix(longest).map { byte in
        let character = Character(UnicodeScalar(byte))
        return name.accepts("\(character)\(character)") ? character : "-"
      }
      return String(letters)
    }
    let node = part(names.node, 31)
    return "\(part(names.job ?? "secrets-agent", 32))@\(node.isEmpty ? "node" : node)"
  }

  /// One object with a member for each of ``fields``, so that no two variables of an entry can be of different sessions.
  static func object(
    _ credentials: AWSCredentials, token: SecretBytes, end: Int64, region: String
  ) -> SecretBytes {
    var json = JSONWriter()
    json.beginObject()
    for (name, value) in [
      (accessKeyID, SecretBytes(credentials.accessKeyID)), (secretAccessKey, credentials.secretAccessKey),
      (sessionToken, token), (expiration, SecretBytes(AWSExpiration.text(end))), (Self.region, SecretBytes(region)),
    ] {
      json.name(name)
      json.string(value)
    }
    json.endObject()
    return json.finish()
  }
}
