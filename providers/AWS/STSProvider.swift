import AWSSigning
import EventLoop
import ExecutionModel
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// One connection to AWS STS: one role, whose value is the temporary credentials of one session of it.
public struct STSProvider: SecretProvider {
  public struct Connection: Sendable {
    /// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns: a path and a name of at most 64
    /// characters behind `role/`.
    @Sendable private static func isRoleARN(_ text: String) -> Bool {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard
        parts.count == 6, parts[0] == "arn", parts[1].hasPrefix("aws"), parts[2] == "iam", parts[3].isEmpty,
        parts[4].utf8.count == 12, parts[4].utf8.allSatisfy(\.isDigit), parts[5].hasPrefix("role/")
      else {
        return false
      }
      let path = parts[5].dropFirst("role/".count).split(separator: "/", omittingEmptySubsequences: false)
      return path.last.map { TextGrammar.isWord(String($0), 1...64, "_+=,.@-") } ?? false
        && path.dropLast().allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x21...0x7e).contains($0) } }
    }

    fileprivate static let roleARN = Field<String>(
      "role_arn",
      .grammar(
        TextGrammar(
          "the ARN of a role, as arn:aws:iam::123456789012:role/name",
          pattern: "^arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+$", accepts: isRoleARN)), required: true,
      "the role to assume")
    fileprivate static let sessionName = Field<String>(
      "session_name", .grammar(nameGrammar), defaultsTo: "JOB@NODE", "names the session in AWS's logs")
    fileprivate static let externalID = Field<String>(
      "external_id", .grammar(.word(2...1224, "_+=,.@:/-", "2 to 1224 letters, digits and _+=,.@:/-")),
      "what the role's trust policy asks for")
    fileprivate static let seconds = Field<Int64>(
      "duration_seconds", .integer(900...43_200), defaultsTo: "3600",
      "how long they live; at most what the role allows, and 3600 where a role assumes a role")
    private static let nameGrammar = TextGrammar.word(2...64, "_+=,.@-", "2 to 64 letters, digits and _+=,.@-")

    fileprivate let aws: AWSConnection
    fileprivate let role: TokenService.Role

    fileprivate init(_ values: ConnectionValues) throws(FieldFault) {
      aws = try AWSConnection(values)
      role = TokenService.Role(
        arn: try values.fields.required(Self.roleARN), sessionName: try values.fields.required(Self.sessionName),
        externalID: values.fields[Self.externalID], seconds: values.fields[Self.seconds])
    }

    /// The job and the node, so that AWS's logs tell who asked: `web@edge-17`.
    @Sendable fileprivate static func standardName(_ names: ExecutionNames) -> String {
      func part(_ text: String, _ longest: Int) -> String {
        let letters = text.utf8.prefix(longest).map { byte in
          let character = Character(UnicodeScalar(byte))
          return nameGrammar.accepts("\(character)\(character)") ? character : "-"
        }
        return String(letters)
      }
      let node = part(names.node, 31)
      return "\(part(names.job ?? "secrets-agent", 32))@\(node.isEmpty ? "node" : node)"
    }
  }

  /// The role is the connection's, so there is one value, whoever asks.
  public struct Lookup: SecretLookup {
    let role: String

    public var description: String { ShownText.clean(role, atMost: 200) }
  }

  private static let accessKeyID = "access_key_id"
  private static let secretAccessKey = "secret_access_key"
  private static let sessionToken = "session_token"
  private static let expiration = "expiration"
  private static let region = "region"

  /// `aws_sts` (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html). The role is the connection's: each provider
  /// gives the credentials of one session.
  public static let declaration = ProviderDeclaration<Connection, Lookup>(
    type: "aws_sts",
    summary:
      "AWS Security Token Service: temporary credentials of a role, as three variables below the entry's name",
    connection: AWSConnection.fields + [
      Connection.roleARN.descriptor, Connection.sessionName.descriptor, Connection.externalID.descriptor,
      Connection.seconds.descriptor,
    ],
    connectionDefaults: ["session_name": Connection.standardName],
    authentication: AWSLogin.declaration.descriptor,
    makeConnection: { values throws(FieldFault) in try Connection(values) },
    lookup: [],
    makeLookup: { _, connection in Lookup(role: connection.role.arn) },
    refreshDefault: .halfOfRemainingLife,
    outputs: [
      .init("ACCESS_KEY_ID", field: accessKeyID), .init("SECRET_ACCESS_KEY", field: secretAccessKey),
      .init("SESSION_TOKEN", field: sessionToken),
    ],
    fieldNames: [accessKeyID, secretAccessKey, sessionToken, expiration, region])

  private let connection: OpenConnection
  private let settings: Connection
  private let service: AWSService
  private let session: Session<ResolvedCredentials>

  public init(_ settings: Connection, over connection: OpenConnection) {
    let context = AWSContext(connection: connection, settings: settings.aws)
    self.connection = connection
    self.settings = settings
    service = AWSService(.tokens, context)
    session = CredentialSearch(context, for: service).session()
  }

  public func checkAddresses() throws(ProviderFailure) { try service.checkAddress() }

  public func logIn() async throws(ProviderFailure) -> LoginReport { try await connection.report(session) }

  /// All entries of a connection read the one session. Temporary credentials cannot be revoked by who holds them: they end by
  /// themselves.
  public func fetch(_ lookups: [Lookup]) async -> [FetchResult] {
    do throws(ProviderFailure) {
      let secret = try await assume()
      return lookups.map { _ in .success(secret) }
    } catch {
      // A failure of the login is about none of them.
      return lookups.map { _ in .failure(error) }
    }
  }

  private func assume() async throws(ProviderFailure) -> FetchedSecret {
    let credentials = try await TokenService(service: service).credentials(of: settings.role, as: session)
    let now = connection.services.time.now
    guard
      let end = credentials.expiresAt, let token = credentials.sessionToken,
      let left = credentials.secondsLeft(at: service.unixTime), left > 0
    else {
      throw connection.failures.make(
        .malformed, "the credentials that STS gave have ended already", reference: settings.role.shown,
        hint: "check the node's clock")
    }
    // Beyond a day and a half no session lives.
    return FetchedSecret(
      payload: object(credentials, token: token, end: end), expiry: now.advanced(by: .seconds(min(left, 129_600))),
      fetchedAt: now)
  }

  /// One object with all values, so that no two variables of an entry can be of different sessions.
  private func object(_ credentials: AWSCredentials, token: SecretBytes, end: Int64) -> SecretBytes {
    var json = JSONWriter()
    json.beginObject()
    json.member(Self.accessKeyID, credentials.accessKeyID)
    json.name(Self.secretAccessKey)
    json.string(credentials.secretAccessKey)
    json.name(Self.sessionToken)
    json.string(token)
    json.member(Self.expiration, CivilTime(unixTime: end).internetText)
    json.member(Self.region, settings.aws.region)
    json.endObject()
    return json.finish()
  }
}
