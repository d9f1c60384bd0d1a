import AWSSigning
import ExecutionModel
import HTTPTransport
import JSONReader
import NodePolicy
import ProviderKit
import SecretBytes

/// Asks a service that only this machine can reach: straight, whatever proxy the environment names, and with little patience.
struct MetadataRequest: Sendable {
  static let connectTimeout: Duration = .seconds(1)
  static let attemptTimeout: Duration = .seconds(2)
  /// Largest answer, in bytes.
  static let maximumBytes = 64 * 1024

  private let context: CredentialContext
  private let caller: ProviderCaller
  private let name: String

  /// - Parameter name: what the service is called in messages.
  init(context: CredentialContext, name: String, attempts: Int) {
    var schedule = RetrySchedule()
    schedule.attempts = attempts
    self.context = context
    self.caller = ProviderCaller(connection: context.connection.name, services: context.services, schedule: schedule)
    self.name = name
  }

  /// The answer whatever its status, after further attempts where the service failed or was not reached.
  func send(
    _ method: HTTPMethod, _ url: HTTPURL, headers: [HTTPHeader]
  ) async throws(ProviderFailure) -> HTTPResponse {
    do throws(PolicyRefusal) {
      try context.services.policy.check(metadataService: url)
    } catch {
      throw context.failures.refused(error)
    }
    var options = HTTPClientOptions()
    options.connectTimeout = min(Self.connectTimeout, context.services.limits.connect)
    options.addressRule = context.services.policy.addressRule(forMetadataService: url)
    options.bypassesProxy = url.scheme == .http
    let request = HTTPRequest(
      method: method, url: url, headers: headers, timeout: min(Self.attemptTimeout, context.services.limits.attempt),
      maximumResponseBytes: Self.maximumBytes)
    return try await caller.send(request, over: context.services.transport(options), about: nil) { response in
      response.status == 429 || response.status >= 500
        ? .fail(failure(.transient, "failed", response.status)) : .accept
    }
  }

  func failure(
    _ kind: ProviderFailure.Class, _ what: String, _ status: Int? = nil, hint: String? = nil
  ) -> ProviderFailure {
    context.failures.make(kind, "\(name) \(what)", status: status, hint: hint)
  }

  /// The JSON of an answer with keys and their end, as both metadata services give it.
  func credentials(_ response: HTTPResponse) throws(ProviderFailure) -> AWSCredentials {
    let json: JSONValue
    do throws(JSONFault) {
      json = try JSONValue.parse(response.body, limits: .payload)
    } catch {
      throw failure(.malformed, "answered with what is not JSON", response.status)
    }
    if let code = json.member("Code")?.text, code != "Success" {
      let words = DocumentPath.shown(json.member("Message")?.text ?? "", atMost: 200)
      throw failure(
        .denied, "answered \(DocumentPath.shown(code))\(words.isEmpty ? "" : ": \(words)")", response.status)
    }
    guard
      let accessKeyID = json.member("AccessKeyId")?.text, !accessKeyID.isEmpty,
      let secret = json.member("SecretAccessKey")?.secret, !secret.isEmpty
    else {
      throw failure(.malformed, "gave no AccessKeyId and SecretAccessKey", response.status)
    }
    var end: Int64?
    if let text = json.member("Expiration")?.text {
      guard let seconds = AWSTimestamp.seconds(of: text) else {
        throw failure(.malformed, "gave an Expiration that is no date", response.status)
      }
      end = seconds
    }
    return AWSCredentials(
      accessKeyID: accessKeyID, secretAccessKey: secret.detached(),
      sessionToken: json.member("Token")?.secret?.detached(), expiresAt: end)
  }
}
