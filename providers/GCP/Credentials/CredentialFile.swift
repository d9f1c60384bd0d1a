import ExecutionModel
import HTTPTransport
import JSONReader
import SecretBytes

/// Why a credential file cannot be used: one line, and nothing of its values.
struct CredentialFault: Error, Sendable, Equatable {
  let message: String

  init(_ message: String) {
    self.message = message
  }
}

/// Reads credential files, which may be hostile: they come from other systems, and name addresses and files.
enum CredentialFile {
  static let standardTokenURL = "https://oauth2.googleapis.com/token"
  static let standardExchangeURL = "https://sts.googleapis.com/v1/token"
  /// How many accounts may act as one another in one file.
  static let longestChain = 4
  private static let domain = "googleapis.com"
  private static let longestText = 4096

  static func parse(_ text: SecretBytes) throws(CredentialFault) -> GoogleCredential {
    let json: JSONValue
    do throws(JSONFault) {
      json = try JSONValue.parse(text, limits: .payload)
    } catch {
      throw CredentialFault("is not JSON: \(error)")
    }
    guard json.kind == .object else {
      throw CredentialFault("is not a JSON object")
    }
    return try credential(json, depth: 0)
  }

  private static func credential(_ json: JSONValue, depth: Int) throws(CredentialFault) -> GoogleCredential {
    guard depth <= longestChain else {
      throw CredentialFault("has more than \(longestChain) accounts that act as one another")
    }
    if let domain = try optional(json, "universe_domain"), domain != Self.domain {
      throw CredentialFault("is for the universe \(DocumentPath.shown(domain)); only \(Self.domain) is known")
    }
    let type = try required(json, "type")
    switch type {
    case "service_account": return .serviceAccount(try serviceAccount(json))
    case "authorized_user": return .authorizedUser(try authorizedUser(json))
    case "external_account": return try externalAccount(json)
    case "impersonated_service_account": return .impersonated(try impersonation(json, depth: depth))
    default:
      throw CredentialFault(
        "is of type \(DocumentPath.shown(type, atMost: 60)); known are service_account, authorized_user, "
          + "external_account and impersonated_service_account")
    }
  }

  // MARK: - Types

  private static func serviceAccount(_ json: JSONValue) throws(CredentialFault) -> ServiceAccountKey {
    ServiceAccountKey(
      email: try required(json, "client_email"), keyID: try optional(json, "private_key_id"),
      privateKey: try secret(json, "private_key"),
      tokenURL: try address(json, "token_uri", otherwise: standardTokenURL),
      quotaProject: try optional(json, "quota_project_id"))
  }

  private static func authorizedUser(_ json: JSONValue) throws(CredentialFault) -> AuthorizedUser {
    AuthorizedUser(
      clientID: try required(json, "client_id"), clientSecret: try secret(json, "client_secret"),
      refreshToken: try secret(json, "refresh_token"),
      tokenURL: try address(json, "token_uri", otherwise: standardTokenURL), scopes: scopes(json.member("scopes")),
      quotaProject: try optional(json, "quota_project_id"))
  }

  /// A list, or one text with spaces.
  private static func scopes(_ value: JSONValue?) -> [String] {
    value?.text.map { $0.split(separator: " ").map(String.init) } ?? value?.elements.compactMap(\.text) ?? []
  }

  private static func externalAccount(_ json: JSONValue) throws(CredentialFault) -> GoogleCredential {
    var client: ExternalAccount.Client?
    if let id = try optional(json, "client_id") {
      client = ExternalAccount.Client(id: id, secret: json.member("client_secret")?.secret?.detached() ?? SecretBytes())
    }
    let quotaProject = try optional(json, "quota_project_id")
    let account = GoogleCredential.externalAccount(
      ExternalAccount(
        audience: try required(json, "audience"), subjectTokenType: try required(json, "subject_token_type"),
        tokenURL: try address(json, "token_url", otherwise: standardExchangeURL),
        source: try SubjectTokenSource.parse(json.member("credential_source")), client: client,
        userProject: try optional(json, "workforce_pool_user_project"), quotaProject: quotaProject))
    guard let url = try address(json, "service_account_impersonation_url") else {
      return account
    }
    let seconds = json.member("service_account_impersonation")?.member("token_lifetime_seconds")?.int64
    return .impersonated(
      Impersonation(
        source: account, url: url, principal: try principal(of: url), delegates: [],
        lifetime: clamped(seconds), quotaProject: quotaProject))
  }

  private static func impersonation(_ json: JSONValue, depth: Int) throws(CredentialFault) -> Impersonation {
    guard let source = json.member("source_credentials"), source.kind == .object else {
      throw CredentialFault("has no source_credentials")
    }
    guard let url = try address(json, "service_account_impersonation_url") else {
      throw CredentialFault("has no service_account_impersonation_url")
    }
    var delegates: [String] = []
    for element in json.member("delegates").map({ Array($0.elements) }) ?? [] {
      guard let name = element.text, !name.isEmpty, name.utf8.count <= longestText else {
        throw CredentialFault("has delegates that are not names")
      }
      delegates.append(name.contains("/") ? name : "projects/-/serviceAccounts/\(name)")
    }
    return Impersonation(
      source: try credential(source, depth: depth + 1), url: url, principal: try principal(of: url),
      delegates: delegates, lifetime: clamped(nil), quotaProject: try optional(json, "quota_project_id"))
  }

  private static func clamped(_ seconds: Int64?) -> Int64 {
    min(max(seconds ?? Impersonation.standardLifetime, 600), Impersonation.longestLifetime)
  }

  /// The account of `…/serviceAccounts/EMAIL:generateAccessToken`.
  static func principal(of url: HTTPURL) throws(CredentialFault) -> String {
    let ending = ":generateAccessToken"
    guard let last = url.path.split(separator: "/").last, last.hasSuffix(ending), last.count > ending.count else {
      throw CredentialFault("has a service_account_impersonation_url that is not of generateAccessToken")
    }
    return DocumentPath.shown(String(last.dropLast(ending.count)))
  }

  // MARK: - Members

  static func required(_ json: JSONValue, _ name: String) throws(CredentialFault) -> String {
    guard let text = try optional(json, name) else {
      throw CredentialFault("has no \(name)")
    }
    return text
  }

  /// A short text without control characters; `nil` where it is absent, null or empty.
  static func optional(_ json: JSONValue, _ name: String) throws(CredentialFault) -> String? {
    guard let value = json.member(name), !value.isNull else {
      return nil
    }
    guard
      let text = value.text, text.utf8.count <= longestText, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f })
    else {
      throw CredentialFault("has a \(name) that is not a line of text")
    }
    return text.isEmpty ? nil : text
  }

  private static func secret(_ json: JSONValue, _ name: String) throws(CredentialFault) -> SecretBytes {
    guard let value = json.member(name)?.secret, !value.isEmpty else {
      throw CredentialFault("has no \(name)")
    }
    return value.detached()
  }

  static func address(_ json: JSONValue, _ name: String) throws(CredentialFault) -> HTTPURL? {
    guard let text = try optional(json, name) else {
      return nil
    }
    do throws(URLFault) {
      return try HTTPURL(parsing: text)
    } catch {
      throw CredentialFault("has a \(name) that is not an address: \(error)")
    }
  }

  private static func address(
    _ json: JSONValue, _ name: String, otherwise standard: String
  ) throws(CredentialFault) -> HTTPURL {
    if let given = try address(json, name) {
      return given
    }
    do throws(URLFault) {
      return try HTTPURL(parsing: standard)
    } catch {
      throw CredentialFault("has no \(name)")
    }
  }
}
