import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// The client credentials grant at Entra ID's v2.0 token endpoint
/// (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
struct EntraLogin: Sendable {
  /// What the application proves itself with.
  enum Proof: Sendable {
    case secret(SecretBytes)
    /// A JWT of another issuer that the application trusts (workload identity federation).
    case assertion(SecretBytes)
  }

  static let assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

  /// A tenant's GUID or one of its domains; nothing that could lead to another path.
  static let tenant = TextGrammar(
    "the directory (tenant) id, or a domain of the tenant", pattern: "^[A-Za-z0-9-][A-Za-z0-9.-]{0,252}$"
  ) { TextGrammar.isWord($0, 1...253, "-.") && !$0.hasPrefix(".") }

  /// Where tenants log in where ``AzureVariable/authorityHost`` does not say otherwise.
  let standardAuthority: String
  let connection: OpenConnection

  func token(
    tenant: String, client: String, proof: Proof, scope: String
  ) async throws(ProviderFailure) -> AzureAccessToken {
    guard Self.tenant.accepts(tenant) else {
      throw connection.failures.make(
        .denied, "the tenant is not an id or a domain", hint: "give the directory (tenant) id, as Entra ID shows it")
    }
    let url = try authority().appending(rawPath: "\(tenant)/oauth2/v2.0/token")
    var form = FormBody()
    form.append("client_id", client)
    switch proof {
    case .secret(let secret):
      form.append("client_secret", secret)
    case .assertion(let token):
      form.append("client_assertion", token)
      form.append("client_assertion_type", Self.assertionType)
    }
    form.append("grant_type", "client_credentials")
    form.append("scope", scope)
    let request = connection.request(
      .post, url,
      [HTTPHeader("Content-Type", "application/x-www-form-urlencoded"), HTTPHeader("Accept", "application/json")],
      body: form.finish())
    let sentAt = connection.services.time.now
    let response = try await connection.send(request, login: "login at Entra ID") {
      $0.status == 200 ? .accept : .fail(failure($0, of: url))
    }
    return try connection.token(
      in: response, sentAt: sentAt, "login at Entra ID: the answer",
      hint: "check that \(url.host) is Entra ID's token endpoint")
  }

  func checkAddresses() throws(ProviderFailure) {
    let authority = try authority()
    try connection.check(authority, .network(authority))
  }

  /// Says that the connection sends to the token endpoint, before a vault is asked what for.
  func leads() throws(ProviderFailure) {
    if connection.bindsCredentials {
      try connection.leads(to: try authority())
    }
  }

  /// The authority as the SDKs read it: a host, with or without `https://`.
  private func authority() throws(ProviderFailure) -> HTTPURL {
    let text = connection.services.environment.read(AzureVariable.authorityHost).text ?? standardAuthority
    return try connection.address(text.contains("://") ? text : "https://\(text)", in: AzureVariable.authorityHost)
  }

  // MARK: - Refusals

  /// A line that says what to do. Only numbers and the error's word come over: descriptions repeat what was sent. Codes:
  /// https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
  ///
  /// - Parameter url: what answered.
  func failure(_ response: HTTPResponse, of url: HTTPURL) -> ProviderFailure {
    let body = connection.json(ifAny: response)
    let error = OAuthError.code(body)
    let code = body.flatMap { Self.code($0) }
    let name =
      switch (code, connection.words(error, atMost: 40)) {
      case (let code?, let word?): ": AADSTS\(code) (\(word))"
      case (let code?, nil): ": AADSTS\(code)"
      case (nil, let word?): ": \(word)"
      case (nil, nil): ""
      }
    if response.status == 429 {
      return connection.failure(.throttled, "Entra ID at \(url.host): too many logins", response)
    }
    if (500...599).contains(response.status) || error == "temporarily_unavailable" {
      return connection.failure(.transient, "Entra ID at \(url.host) failed\(name)", response)
    }
    guard error != nil, (400...403).contains(response.status) else {
      return connection.stranger(
        response, "the token endpoint gave an answer that Entra ID does not have",
        hint: "check \(AzureVariable.authorityHost) and the node's proxy")
    }
    return connection.failure(
      .denied, "Entra ID refused the login\(name)", response, from: .service,
      hint: code.flatMap { Self.hint($0) } ?? "check tenant, client and credential")
  }

  /// The first of `error_codes`, else the number that the description starts with.
  private static func code(_ body: JSONValue) -> Int64? {
    if let code = body.member("error_codes")?.element(0)?.int64 {
      return code
    }
    guard let text = body.member("error_description")?.text, text.hasPrefix("AADSTS") else {
      return nil
    }
    return Int64(text.dropFirst(6).prefix { ("0"..."9").contains($0) }.prefix(12))
  }

  private static func hint(_ code: Int64) -> String? {
    switch code {
    case 7_000_215: "the client secret is wrong; give the secret's value, not its id"
    case 7_000_222: "the client secret has expired; make a new one"
    case 7_000_216, 7_000_218: "the application must prove itself; check the credential"
    case 7_000_112: "the application is disabled; enable it"
    case 700_016: "no such application in this tenant; check client_id and tenant_id"
    case 90_002: "no such tenant; check tenant_id and the cloud (\(AzureVariable.authorityHost))"
    case 900_023, 90_013: "tenant_id is not a tenant's id or domain"
    case 500_011, 500_014: "the tenant does not know the vault's service; check the cloud and the vault's tenant"
    case 70_021, 700_211, 700_212, 700_213:
      "no federated credential of the application matches the token's issuer, subject and audience; add one"
    case 700_024: "the federated token is not valid now; check the node's clock, and that the token file is kept fresh"
    case 700_027, 50_027: "the federated token's signature is not good; check the issuer's published keys"
    case 53_003, 53_000, 530_003: "a conditional access policy forbids the login"
    default: nil
    }
  }
}
