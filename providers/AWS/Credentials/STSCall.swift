import AWSSigning
import ExecutionModel
import HTTPTransport
import NodePolicy
import ProviderKit
import SecretBytes

/// Calls of AWS's Security Token Service by its query protocol.
struct STSCall: Sendable {
  /// Of a session whose name nobody gives.
  static let standardSessionName = "secrets-agent"
  private static let version = "2011-06-15"

  private let connection: ProviderConnection
  private let services: ProviderServices
  private let region: String
  private let isNested: Bool
  private let caller: ProviderCaller
  private let errors: STSErrors
  private let skew: ClockSkew

  private var failures: FailureMaker { FailureMaker(connection: connection.name) }

  /// - Parameter isNested: whether STS only serves the login of a connection to another service, whose `endpoint_url` is not meant
  ///   for it.
  init(
    connection: ProviderConnection, services: ProviderServices, region: String, isNested: Bool,
    skew: ClockSkew = ClockSkew()
  ) {
    self.connection = connection
    self.services = services
    self.region = region
    self.isNested = isNested
    self.caller = ProviderCaller(connection: connection.name, services: services)
    self.errors = STSErrors(failures: FailureMaker(connection: connection.name), services: services)
    self.skew = skew
  }

  /// `AssumeRole`, signed with `identity`.
  ///
  /// - Parameter durationSeconds: from 900 to 43,200; `nil`: STS's own default of an hour.
  func assumeRole(
    roleARN: String, sessionName: String?, externalID: String?, durationSeconds: Int64?,
    with identity: ResolvedCredentials
  ) async throws(ProviderFailure) -> AWSCredentials {
    var form = form(of: "AssumeRole")
    form.append("RoleArn", roleARN)
    form.append("RoleSessionName", sessionName ?? Self.standardSessionName)
    if let externalID {
      form.append("ExternalId", externalID)
    }
    if let durationSeconds {
      form.append("DurationSeconds", String(durationSeconds))
    }
    let body = form.finish()
    let action = "AssumeRole \(DocumentPath.shown(roleARN, atMost: 200))"
    // A signature says nothing to those who see it again; the secret key itself never leaves the node.
    return try await send(body, action: action, signedBy: identity.credentials, sent: secrets(identity.credentials))
  }

  /// `AssumeRoleWithWebIdentity`: `token` is the only proof, so nothing is signed.
  func assumeRoleWithWebIdentity(
    roleARN: String, sessionName: String?, token: SecretBytes, durationSeconds: Int64? = nil
  ) async throws(ProviderFailure) -> AWSCredentials {
    var form = form(of: "AssumeRoleWithWebIdentity")
    form.append("RoleArn", roleARN)
    form.append("RoleSessionName", sessionName ?? Self.standardSessionName)
    form.append("WebIdentityToken", token)
    if let durationSeconds {
      form.append("DurationSeconds", String(durationSeconds))
    }
    let action = "AssumeRoleWithWebIdentity \(DocumentPath.shown(roleARN, atMost: 200))"
    return try await send(form.finish(), action: action, signedBy: nil, sent: [token])
  }

  private func form(of action: String) -> FormBody {
    var form = FormBody()
    form.append("Action", action)
    form.append("Version", Self.version)
    return form
  }

  private func secrets(_ credentials: AWSCredentials) -> [SecretBytes] {
    [credentials.secretAccessKey] + (credentials.sessionToken.map { [$0] } ?? [])
  }

  // MARK: - Sending

  private func endpoint() throws(ProviderFailure) -> HTTPURL {
    try AWSEndpoint.url(
      service: "sts", region: region, connection: connection, services: services, isNested: isNested)
  }

  func checkAddresses() throws(ProviderFailure) {
    _ = try client(try endpoint())
  }

  private func send(
    _ body: SecretBytes, action: String, signedBy identity: AWSCredentials?, sent: [SecretBytes]
  ) async throws(ProviderFailure) -> AWSCredentials {
    let endpoint = try endpoint()
    let client = try client(endpoint)
    var response = try await attempt(body, endpoint, client, action, identity, sent)
    if identity != nil, response.status != 200, learnsTime(from: response) {
      response = try await attempt(body, endpoint, client, action, identity, sent)
    }
    guard response.status == 200 else {
      throw errors.failure(response, action: action, sent: sent)
    }
    do throws(STSAnswer.Fault) {
      return try STSAnswer.credentials(from: response.body)
    } catch {
      throw failures.make(
        .malformed, "\(action): the answer \(error.message)", status: response.status,
        hint: "check that the endpoint is STS")
    }
  }

  private func attempt(
    _ body: SecretBytes, _ endpoint: HTTPURL, _ client: any HTTPSending, _ action: String,
    _ identity: AWSCredentials?, _ sent: [SecretBytes]
  ) async throws(ProviderFailure) -> HTTPResponse {
    let transport: any HTTPSending =
      identity.map {
        SigningTransport(
          inner: client, signature: SignatureVersion4(region: region, service: "sts"), credentials: $0, skew: skew,
          time: services.time)
      } ?? client
    let request = HTTPRequest(
      method: .post, url: endpoint,
      headers: [HTTPHeader("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")], body: body,
      timeout: services.limits.attempt, maximumResponseBytes: XMLLeaves.maximumBytes)
    return try await caller.send(request, over: transport, about: nil) { response in
      guard response.status != 200 else {
        return .accept
      }
      let failure = errors.failure(response, action: action, sent: sent)
      return failure.isRetriable ? .fail(failure) : .accept
    }
  }

  private func learnsTime(from response: HTTPResponse) -> Bool {
    guard
      let error = STSAnswer.error(from: response.body), STSErrors.refusesTime(error.code, error.message),
      let date = response.headers.first("Date")
    else {
      return false
    }
    return skew.learn(date: date, at: services.time.unixTime)
  }

  private func client(_ endpoint: HTTPURL) throws(ProviderFailure) -> any HTTPSending {
    do throws(PolicyRefusal) {
      try services.policy.check(endpoint)
    } catch {
      throw failures.refused(error)
    }
    var options = HTTPClientOptions()
    options.connectTimeout = services.limits.connect
    options.maximumInFlight = services.limits.inFlight
    options.addressRule = services.policy.addressRule(for: endpoint)
    return services.transport(options)
  }
}
