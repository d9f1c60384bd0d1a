import ExecutionModel
import HTTPTransport
import JSONReader

/// Reads `credential_source` of an external account (https://google.aip.dev/auth/4117#expected-behavior).
enum SubjectTokenSource {
  static func parse(_ json: JSONValue?) throws(CredentialFault) -> ExternalAccount.Source {
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
    if let environment = try CredentialFile.optional(json, "environment_id") {
      guard environment == "aws1" else {
        throw CredentialFault("has the unknown environment_id \(DocumentPath.shown(environment, atMost: 60))")
      }
      return .aws(try aws(json))
    }
    let file = try CredentialFile.optional(json, "file")
    let url = try CredentialFile.address(json, "url")
    switch (file, url) {
    case (let path?, nil):
      return .file(path: path, try format(json))
    case (nil, let url?):
      return .address(url, headers: try headers(json), try format(json))
    default:
      throw CredentialFault("has a credential_source that is neither a file nor a url")
    }
  }

  private static func format(_ json: JSONValue) throws(CredentialFault) -> ExternalAccount.Format {
    guard let format = json.member("format"), !format.isNull else {
      return ExternalAccount.Format(fieldName: nil)
    }
    switch try CredentialFile.optional(format, "type") {
    case nil, "text"?: return ExternalAccount.Format(fieldName: nil)
    case "json"?:
      return ExternalAccount.Format(fieldName: try CredentialFile.required(format, "subject_token_field_name"))
    default: throw CredentialFault("has an unknown credential_source.format.type; known are text and json")
    }
  }

  private static func headers(_ json: JSONValue) throws(CredentialFault) -> [HTTPHeader] {
    guard let block = json.member("headers"), !block.isNull else {
      return []
    }
    var headers: [HTTPHeader] = []
    for member in block.members {
      guard let name = member.name.text, let value = member.value.secret, headers.count < 32 else {
        throw CredentialFault("has credential_source.headers that are not texts")
      }
      headers.append(HTTPHeader(name, secret: value.detached()))
    }
    return headers
  }

  private static func aws(_ json: JSONValue) throws(CredentialFault) -> AWSIdentitySource {
    AWSIdentitySource(
      verificationURL: try CredentialFile.required(json, "regional_cred_verification_url"),
      regionURL: try CredentialFile.address(json, "region_url"),
      credentialsURL: try CredentialFile.address(json, "url"),
      sessionTokenURL: try CredentialFile.address(json, "imdsv2_session_token_url"))
  }
}
