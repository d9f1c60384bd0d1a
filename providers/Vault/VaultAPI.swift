import EventLoop
import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes
import Synchronization
import Text

/// Calls of the HTTP API that Vault and OpenBao share, with their manners: headers, error bodies, standby redirects.
final class VaultAPI: Sendable {
  struct Call: Sendable {
    var method: HTTPMethod = .get
    /// Below `/v1/`.
    var path: String
    var query: [(String, String)] = []
    var token: SecretBytes?
    var body: SecretBytes?
    /// What the call is about, in messages.
    var reference: String?
    var repetition = CallRepetition.idempotent
    /// Statuses beside 200 and 204 that the caller reads itself.
    var accepts: Set<Int> = []
    var schedule = RetrySchedule()
    /// When the call is to be over, where that is sooner than the connection's limit of an attempt.
    var end: Moment?
  }

  struct Answer: Sendable {
    let status: Int
    /// `nil` without a body.
    let json: JSONValue?
  }

  let connection: OpenConnection
  let errors: VaultErrors
  private let settings: VaultConnection
  /// As read last; `nil`: not yet.
  private let tls = Mutex<TLSOptions?>(nil)

  init(_ settings: VaultConnection, over connection: OpenConnection) {
    self.settings = settings
    self.connection = connection
    errors = VaultErrors(connection: connection)
  }

  private var address: HTTPURL { settings.address }

  /// As `https://vault.example.com:8200`.
  var origin: String { address.origin }

  /// Reads the TLS files again, since certificates rotate.
  func rereadTLS() throws(ProviderFailure) {
    var options = TLSOptions()
    options.ca = try pem(settings.tls.ca)
    options.clientCertificate = try pem(settings.tls.certificate)
    options.clientKey = try pem(settings.tls.key)
    options.skipVerify = settings.tls.skipsVerification
    tls.withLock { $0 = options }
  }

  private func pem(_ source: CredentialSource?) throws(ProviderFailure) -> SecretBytes? {
    guard let source else {
      return nil
    }
    return try connection.pem(source)
  }

  private func client() throws(ProviderFailure) -> any HTTPSending {
    if tls.withLock({ $0 == nil }) {
      try rereadTLS()
    }
    return try connection.client(
      for: address, .network(address), tls: tls.withLock { $0 } ?? TLSOptions())
  }

  func send(_ call: Call) async throws(ProviderFailure) -> Answer {
    let client = try client()
    let request = request(for: call, at: address)
    let response = try await connection.send(
      request, over: client, about: call.reference, schedule: call.schedule, repetition: call.repetition
    ) {
      judge($0, call)
    }
    guard (300..<400).contains(response.status) else {
      return try answer(response, call)
    }
    // A standby that does not forward names the active node. Its answer is followed once, by the policy's leave only, since the
    // token goes along.
    let active = try errors.redirection(response, from: address, call.reference)
    let moved = self.request(for: call, at: active)
    let second = try await connection.send(
      moved, over: client, about: call.reference, schedule: call.schedule, repetition: call.repetition
    ) {
      judge($0, call)
    }
    guard !(300..<400).contains(second.status) else {
      throw errors.redirectedTwice(call.reference)
    }
    return try answer(second, call)
  }

  private func request(for call: Call, at address: HTTPURL) -> HTTPRequest {
    var url = address.appending(rawPath: "v1/" + call.path)
    if !call.query.isEmpty {
      url = url.with(query: call.query)
    }
    // Demanded by agents' listeners, and harmless elsewhere: a browser cannot be tricked into sending it.
    var headers = [HTTPHeader("X-Vault-Request", "true"), HTTPHeader("Accept", "application/json")]
    if let token = call.token {
      headers.append(HTTPHeader("X-Vault-Token", secret: token))
    }
    if let namespace = settings.namespace {
      headers.append(HTTPHeader("X-Vault-Namespace", namespace))
    }
    if call.body != nil {
      headers.append(HTTPHeader("Content-Type", "application/json"))
    }
    let left = call.end.map { max(connection.services.time.now.duration(to: $0), .milliseconds(1)) }
    return connection.request(call.method, url, headers, body: call.body, timeout: left)
  }

  private func judge(_ response: HTTPResponse, _ call: Call) -> CallVerdict {
    if let stranger = errors.stranger(response, call.reference) {
      return .fail(stranger)
    }
    if response.status == 404, call.accepts.contains(404) {
      return .acceptMissing
    }
    if response.status == 200 || response.status == 204 || call.accepts.contains(response.status)
      || (300..<400).contains(response.status)
    {
      return .accept
    }
    return .fail(errors.failure(response, call.reference))
  }

  private func answer(_ response: HTTPResponse, _ call: Call) throws(ProviderFailure) -> Answer {
    if response.body.isEmpty, response.status != 200 {
      return Answer(status: response.status, json: nil)
    }
    let json =
      call.accepts.contains(response.status)
      ? connection.json(ifAny: response) : try connection.json(response, of: "Vault", about: call.reference)
    return Answer(status: response.status, json: json)
  }
}
