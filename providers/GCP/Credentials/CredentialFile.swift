import ExecutionModel
import HTTPTransport
import JSONReader
import SecretBytes
import Text

/// Why a credential file cannot be used: one line, and nothing of its values.
struct CredentialFault: Error, Sendable, Equatable {
  let message: String

  init(_ message: String) {
    self.message = message
  }
}

/// Reads credential files, which may be hostile: they come from other systems, and name addresses and files.
enum CredentialFile {
  /// How many accounts may act as one another in one file.
  static let longestChain = 4
  fileprivate static let longestText = 4096
  private static let domain = "googleapis.com"

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
    if let domain = try json.line(ifAny: "universe_domain"), domain != Self.domain {
      throw CredentialFault("is for the universe \(ShownText.clean(domain)); only \(Self.domain) is known")
    }
    let type = try json.line("type")
    switch type {
    case "service_account": return .serviceAccount(try ServiceAccountKey(json))
    case "authorized_user": return .authorizedUser(try AuthorizedUser(json))
    case "external_account": return try externalAccount(json)
    case "impersonated_service_account": return try impersonated(json, depth: depth)
    default:
      throw CredentialFault(
        "is of type \(ShownText.clean(type, atMost: 60)); known are service_account, authorized_user, "
          + "external_account and impersonated_service_account")
    }
  }

  private static func externalAccount(_ json: JSONValue) throws(CredentialFault) -> GoogleCredential {
    let account = try ExternalAccount(json)
    guard let url = try json.address(ifAny: impersonationURL) else {
      return .externalAccount(account)
    }
    let seconds = json.member("service_account_impersonation")?.member("token_lifetime_seconds")?.int64
    return .impersonated(
      Impersonation(
        source: .externalAccount(account), url: url, principal: try principal(of: url),
        lifetime: seconds.map { min(max($0, 600), Impersonation.longestLifetime) } ?? Impersonation.standardLifetime,
        quotaProject: account.quotaProject))
  }

  private static func impersonated(_ json: JSONValue, depth: Int) throws(CredentialFault) -> GoogleCredential {
    guard let source = json.member("source_credentials"), source.kind == .object else {
      throw CredentialFault("has no source_credentials")
    }
    guard let url = try json.address(ifAny: impersonationURL) else {
      throw CredentialFault("has no \(impersonationURL)")
    }
    var impersonation = Impersonation(
      source: try credential(source, depth: depth + 1), url: url, principal: try principal(of: url),
      quotaProject: try json.line(ifAny: "quota_project_id"))
    if let delegates = json.member("delegates") {
      for delegate in delegates.elements {
        guard let name = delegate.text, (1...longestText).contains(name.utf8.count) else {
          throw CredentialFault("has delegates that are not names")
        }
        impersonation.delegates.append(name.contains("/") ? name : "projects/-/serviceAccounts/\(name)")
      }
    }
    return .impersonated(impersonation)
  }

  private static let impersonationURL = "service_account_impersonation_url"

  /// The account of `…/serviceAccounts/EMAIL:generateAccessToken`.
  private static func principal(of url: HTTPURL) throws(CredentialFault) -> String {
    let ending = ":generateAccessToken"
    guard let last = url.path.split(separator: "/").last, last.hasSuffix(ending), last.count > ending.count else {
      throw CredentialFault("has a \(impersonationURL) that is not of generateAccessToken")
    }
    return ShownText.clean(String(last.dropLast(ending.count)))
  }
}

/// Members of a credential file.
extension JSONValue {
  /// A short text without control characters.
  func line(_ name: String) throws(CredentialFault) -> String {
    guard let text = try line(ifAny: name) else {
      throw CredentialFault("has no \(name)")
    }
    return text
  }

  /// The same; `nil` where it is absent, null or empty.
  func line(ifAny name: String) throws(CredentialFault) -> String? {
    guard let value = member(name), !value.isNull else {
      return nil
    }
    guard
      let text = value.text, text.utf8.count <= CredentialFile.longestText,
      !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f })
    else {
      throw CredentialFault("has a \(name) that is not a line of text")
    }
    return text.isEmpty ? nil : text
  }

  func credential(_ name: String) throws(CredentialFault) -> SecretBytes {
    guard let value = member(name)?.secret, !value.isEmpty else {
      throw CredentialFault("has no \(name)")
    }
    return value.detached()
  }

  /// The same; `nil` where it is absent, null or empty.
  func credential(ifAny name: String) throws(CredentialFault) -> SecretBytes? {
    guard let value = member(name), !value.isNull else {
      return nil
    }
    guard let text = value.secret else {
      throw CredentialFault("has a \(name) that is not text")
    }
    return text.isEmpty ? nil : text.detached()
  }

  func address(ifAny name: String) throws(CredentialFault) -> HTTPURL? {
    guard let text = try line(ifAny: name) else {
      return nil
    }
    return try Self.address(text, name)
  }

  func address(_ name: String, otherwise standard: String) throws(CredentialFault) -> HTTPURL {
    try Self.address(try line(ifAny: name) ?? standard, name)
  }

  private static func address(_ text: String, _ name: String) throws(CredentialFault) -> HTTPURL {
    do throws(URLFault) {
      return try HTTPURL(parsing: text)
    } catch {
      throw CredentialFault("has a \(name) that is not an address: \(error)")
    }
  }
}
