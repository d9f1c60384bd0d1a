import ExecutionModel
import HTTPTransport
import JSONReader
import NodePolicy
import ProviderKit
import SecretBytes

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

  /// Where tenants log in where ``AzureVariable/authorityHost`` does not say otherwise.
  let standardAuthority: String
  let environment: AzureEnvironment
  let services: ProviderServices
  let failures: FailureMaker

  func token(
    tenant: String, client: String, proof: Proof, scope: String
  ) async throws(ProviderFailure) -> AzureAccessToken {
    guard Self.isTenant(tenant) else {
      throw failures.make(
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
    let request = HTTPRequest(
      method: .post, url: url,
      headers: [
        HTTPHeader("Content-Type", "application/x-www-form-urlencoded"), HTTPHeader("Accept", "application/json"),
      ],
      body: form.finish(), timeout: services.limits.attempt, maximumResponseBytes: services.limits.responseBytes)
    let errors = EntraErrors(failures: failures, services: services)
    let sentAt = services.time.now
    let response = try await ProviderCaller(connection: failures.connection, services: services).send(
      request, over: try transport(to: url), about: nil
    ) { $0.status == 200 ? .accept : .fail(errors.failure($0)) }
    guard
      let json = try? JSONValue.parse(response.body, limits: .payload),
      let token = AzureAccessToken(json, at: sentAt, unixTime: services.time.unixTime)
    else {
      throw failures.make(
        .malformed, "the login's answer has no token", status: response.status,
        hint: "check that \(url.host) is Entra ID's token endpoint")
    }
    return token
  }

  func checkAddresses() throws(ProviderFailure) {
    _ = try transport(to: try authority())
  }

  static let tenant = TextGrammar(
    "the directory (tenant) id, or a domain of the tenant", pattern: "^[A-Za-z0-9-][A-Za-z0-9.-]{0,252}$",
    accepts: isTenant)

  /// A tenant's GUID or one of its domains; nothing that could lead to another path.
  static func isTenant(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 253 && !text.hasPrefix(".")
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
          || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
      }
  }

  /// The authority as the SDKs read it: a host, with or without `https://`.
  private func authority() throws(ProviderFailure) -> HTTPURL {
    let text = environment.text(AzureVariable.authorityHost) ?? standardAuthority
    do throws(URLFault) {
      return try HTTPURL(parsing: text.contains("://") ? text : "https://\(text)")
    } catch {
      throw failures.make(.denied, "\(AzureVariable.authorityHost) is not an address: \(error)")
    }
  }

  private func transport(to url: HTTPURL) throws(ProviderFailure) -> any HTTPSending {
    do throws(PolicyRefusal) {
      try services.policy.check(url)
    } catch {
      throw failures.refused(error)
    }
    var options = HTTPClientOptions()
    options.connectTimeout = services.limits.connect
    options.addressRule = services.policy.addressRule(for: url)
    return services.transport(options)
  }
}
