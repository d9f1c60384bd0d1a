import AWSSigning
import ExecutionModel
import HTTPTransport
import JSONReader
import NodePolicy
import ProviderKit
import SecretBytes

/// A failed call, with the service's error where it answered one.
struct AWSCallFailure: Error, Sendable {
  let failure: ProviderFailure
  let error: AWSError?
}

/// Calls of one service by the JSON protocol (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html), over one connection.
///
/// Beside what ``ProviderCaller`` repeats, a call is sent once more where its credentials have ended and fresh ones are there,
/// and where the server's date shows that the node's clock is off.
final class AWSJSONService: Sendable {
  /// Which service, by its several names.
  struct Identity: Sendable {
    /// Of endpoints and signatures: `secretsmanager`.
    let name: String
    /// Before the operation in `X-Amz-Target`.
    let target: String
  }

  struct Call: Sendable {
    /// As `GetSecretValue`.
    let operation: String
    let body: SecretBytes
    /// What the call is about, in messages; `nil` for a batch.
    let reference: String?
    /// How many values the answer may hold.
    var values = 1
  }

  /// An answer with the credentials that it was given to.
  struct Answer: Sendable {
    let json: JSONValue
    let credentials: ResolvedCredentials
  }

  typealias Login = AWSCredentialChain.Login

  let chain: AWSCredentialChain
  let failures: AWSFailures
  private let identity: Identity
  private let connection: ProviderConnection
  private let services: ProviderServices
  private let signature: SignatureVersion4
  private let caller: ProviderCaller
  private let client: AWSClient
  private let skew = ClockSkew()

  init(_ identity: Identity, connection: ProviderConnection, services: ProviderServices) throws(DocumentFault) {
    let region = connection.fields.text("region") ?? ""
    self.identity = identity
    self.connection = connection
    self.services = services
    self.signature = SignatureVersion4(region: region, service: identity.name)
    self.caller = ProviderCaller(connection: connection.name, services: services)
    self.client = AWSClient(connection: connection, services: services)
    self.chain = try AWSCredentialChain(connection: connection, services: services, region: region)
    self.failures = AWSFailures(
      make: FailureMaker(connection: connection.name), region: DocumentPath.shown(region), services: services)
  }

  func checkAddresses() throws(ProviderFailure) {
    _ = try client.open(service: identity.name)
  }

  /// As policies name it.
  func action(_ operation: String) -> String { "\(identity.name):\(operation)" }

  func send(_ call: Call) async throws(AWSCallFailure) -> Answer {
    var login: Login
    do throws(ProviderFailure) {
      login = try await chain.current()
    } catch {
      throw AWSCallFailure(failure: error.about(call.reference), error: nil)
    }
    var mayReplace = true
    var mayResign = true
    while true {
      // The offset from the node's clock that this attempt is signed with.
      let offset = skew.now(0)
      let response = try await attempt(call, login)
      guard response.status != 200 else {
        return Answer(json: try parsed(response, call), credentials: login.credential)
      }
      let error = AWSError(response)
      let failure = AWSCallFailure(
        failure: failures.failure(
          error, status: response.status, response: response, about: subject(call, login.credential)), error: error)
      switch error.kind(status: response.status) {
      case .credentials where mayReplace:
        mayReplace = false
        login = try await replaced(login, failure)
      case .signature where mayResign:
        mayResign = false
        guard learned(from: response, offset) else {
          throw failure
        }
      default:
        throw failure
      }
    }
  }

  private func attempt(_ call: Call, _ login: Login) async throws(AWSCallFailure) -> HTTPResponse {
    do throws(ProviderFailure) {
      let (address, transport) = try client.open(service: identity.name)
      let signing = SigningTransport(
        inner: transport, signature: signature, credentials: login.credential.credentials, skew: skew,
        time: services.time)
      let request = HTTPRequest(
        method: .post, url: address,
        headers: [
          HTTPHeader("Content-Type", "application/x-amz-json-1.1"),
          HTTPHeader("X-Amz-Target", "\(identity.target).\(call.operation)"),
        ],
        body: call.body, timeout: services.limits.attempt, maximumResponseBytes: limit(call))
      return try await caller.send(request, over: signing, about: call.reference) { response in
        judge(response, call, login)
      }
    } catch {
      throw AWSCallFailure(failure: error, error: nil)
    }
  }

  /// A value of 64 KiB takes up to six times as much in JSON's escapes.
  private func limit(_ call: Call) -> Int {
    min(max(services.limits.responseBytes, call.values * 512 * 1024), 16 * 1024 * 1024)
  }

  /// Fails what may be tried again; the rest is told apart by its code afterwards.
  private func judge(_ response: HTTPResponse, _ call: Call, _ login: Login) -> ProviderCaller.Verdict {
    guard response.status != 200 else {
      return .accept
    }
    let error = AWSError(response)
    switch error.kind(status: response.status) {
    case .throttled, .transient:
      return .fail(
        failures.failure(
          error, status: response.status, response: response, about: subject(call, login.credential)))
    default:
      return .accept
    }
  }

  private func subject(_ call: Call, _ credentials: ResolvedCredentials) -> AWSFailures.Subject {
    AWSFailures.Subject(reference: call.reference, action: action(call.operation), credentials: credentials)
  }

  private func parsed(_ response: HTTPResponse, _ call: Call) throws(AWSCallFailure) -> JSONValue {
    do throws(JSONFault) {
      return try JSONValue.parse(response.body, limits: .payload)
    } catch {
      throw AWSCallFailure(failure: failures.notJSON(response, error, call.reference), error: nil)
    }
  }

  /// Other credentials than those that were refused.
  private func replaced(_ login: Login, _ refusal: AWSCallFailure) async throws(AWSCallFailure) -> Login {
    let fresh: Login
    do throws(ProviderFailure) {
      fresh = try await chain.replacing(login)
    } catch {
      throw AWSCallFailure(failure: error.about(refusal.failure.reference), error: nil)
    }
    let (old, new) = (login.credential.credentials, fresh.credential.credentials)
    guard old.accessKeyID != new.accessKeyID || old.sessionToken != new.sessionToken else {
      throw refusal
    }
    services.log.notice(
      "credentials no longer accepted, fresh ones are used", metadata: ["provider": "\(connection.name)"])
    return fresh
  }

  /// Whether the clock's offset is now another one than `offset`, by this answer or by one that another call got meanwhile.
  private func learned(from response: HTTPResponse, _ offset: Int64) -> Bool {
    if let date = response.headers.first("Date"), skew.learn(date: date, at: services.time.unixTime) {
      services.log.warning(
        "the node's clock is off; AWS's own is used to sign",
        metadata: ["provider": "\(connection.name)", "seconds": "\(skew.now(0))"])
    }
    return skew.now(0) != offset
  }
}
