import ExecutionModel
import HTTPTransport
import JSONReader
import SecretBytes
import Text

/// Workload identity federation (https://google.aip.dev/auth/4117).
struct ExternalAccount: Sendable {
  /// Where the subject token is.
  enum Source: Sendable {
    /// `member`: that of a JSON object which is the token; `nil`: the whole text is.
    case file(path: String, member: String?)
    case address(HTTPURL, headers: [HTTPHeader], member: String?)
    case aws(AWSIdentitySource)
    /// What the document names in the place of the file's own source.
    case identity(IdentityTokenSource)
  }

  struct Client: Sendable {
    let id: String
    let secret: SecretBytes?
  }

  let audience: String
  let subjectTokenType: String
  let tokenURL: HTTPURL
  var source: Source
  /// Authenticates the exchange itself; workforce pools may want it.
  let client: Client?
  /// Counts the exchange, for workforce pools.
  let userProject: String?
  let quotaProject: String?

  init(_ json: JSONValue) throws(CredentialFault) {
    audience = try json.line("audience")
    subjectTokenType = try json.line("subject_token_type")
    tokenURL = try json.address("token_url", otherwise: Self.standardTokenURL)
    source = try Source(json.member("credential_source"))
    let secret = json.member("client_secret")?.secret?.detached()
    client = try json.line(ifAny: "client_id").map { Client(id: $0, secret: secret) }
    userProject = try json.line(ifAny: "workforce_pool_user_project")
    quotaProject = try json.line(ifAny: "quota_project_id")
    guard userProject == nil || Self.isWorkforcePool(audience) else {
      throw CredentialFault(
        "has a workforce_pool_user_project, but its audience is no workforce pool; remove the one, or check the other")
    }
  }

  /// A pod's service account, whose token its engine brings.
  init(ofPodIn pool: String) throws(CredentialFault) {
    audience = pool
    subjectTokenType = "urn:ietf:params:oauth:token-type:jwt"
    guard let url = try? HTTPURL(parsing: Self.standardTokenURL) else {
      throw CredentialFault("has no token_url")
    }
    tokenURL = url
    source = .identity(.workload)
    (client, userProject, quotaProject) = (nil, nil, nil)
  }

  private static let standardTokenURL = "https://sts.googleapis.com/v1/token"

  /// Whether it is people's pool: `//iam.googleapis.com/locations/LOCATION/workforcePools/…`. One for workloads counts on its own
  /// project.
  private static func isWorkforcePool(_ audience: String) -> Bool {
    let parts = audience.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count > 6 && parts.prefix(4) == ["", "", "iam.googleapis.com", "locations"] && !parts[4].isEmpty
      && parts[5] == "workforcePools"
  }
}

/// Where an AWS-sourced identity comes from (`environment_id: aws1`).
struct AWSIdentitySource: Sendable {
  /// With `{region}` in it.
  let verificationURL: String
  let regionURL: HTTPURL?
  let credentialsURL: HTTPURL?
  let sessionTokenURL: HTTPURL?

  init(_ json: JSONValue) throws(CredentialFault) {
    verificationURL = try json.line("regional_cred_verification_url")
    regionURL = try json.address(ifAny: "region_url")
    credentialsURL = try json.address(ifAny: "url")
    sessionTokenURL = try json.address(ifAny: "imdsv2_session_token_url")
  }
}

extension ExternalAccount.Source {
  /// What is asked for the subject token.
  var addresses: [HTTPURL] {
    switch self {
    case .address(let url, _, _): [url]
    case .aws(let source): [source.regionURL, source.credentialsURL, source.sessionTokenURL].compactMap { $0 }
    default: []
    }
  }

  /// Reads `credential_source` (https://google.aip.dev/auth/4117#expected-behavior).
  init(_ json: JSONValue?) throws(CredentialFault) {
    guard let json, json.kind == .object else {
      throw CredentialFault("has no credential_source")
    }
    if json.member("executable") != nil {
      throw CredentialFault(
        "wants a program to be run for its token (credential_source.executable), which the agent never does; "
          + "let the program write a file, and name it as credential_source.file")
    }
    if json.member("certificate") != nil {
      throw CredentialFault(
        "wants a client certificate (credential_source.certificate), which is not among the known sources: "
          + "file, url, aws1")
    }
    if let environment = try json.line(ifAny: "environment_id") {
      guard environment == "aws1" else {
        throw CredentialFault("has the unknown environment_id \(ShownText.clean(environment, atMost: 60))")
      }
      self = .aws(try AWSIdentitySource(json))
      return
    }
    switch (try json.line(ifAny: "file"), try json.address(ifAny: "url")) {
    case (let path?, nil):
      self = .file(path: path, member: try Self.member(json))
    case (nil, let url?):
      self = .address(url, headers: try Self.headers(json), member: try Self.member(json))
    default:
      throw CredentialFault("has a credential_source that is neither a file nor a url")
    }
  }

  private static func member(_ json: JSONValue) throws(CredentialFault) -> String? {
    guard let format = json.member("format"), !format.isNull else {
      return nil
    }
    switch try format.line(ifAny: "type") {
    case nil, "text"?: return nil
    case "json"?: return try format.line("subject_token_field_name")
    default: throw CredentialFault("has an unknown credential_source.format.type; known are text and json")
    }
  }

  private static func headers(_ json: JSONValue) throws(CredentialFault) -> [HTTPHeader] {
    var headers: [HTTPHeader] = []
    guard let block = json.member("headers") else {
      return headers
    }
    for member in block.members {
      guard let name = member.name.text, let value = member.value.secret, headers.count < 32 else {
        throw CredentialFault("has credential_source.headers that are not texts")
      }
      headers.append(HTTPHeader(name, secret: value.detached()))
    }
    return headers
  }
}
