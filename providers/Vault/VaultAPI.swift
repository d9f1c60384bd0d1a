import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes

/// Calls of the HTTP API that Vault and OpenBao share, with their manners: headers, error bodies, standby redirects.
struct VaultAPI: Sendable {
  struct Call: Sendable {
    var method: HTTPMethod = .get
    /// Below `/v1/`; each element is one or more segments.
    var path: [String]
    var query: [(String, String)] = []
    var token: SecretBytes?
    var body: SecretBytes?
    /// What the body holds that no message may repeat, should the server's words do so.
    var credentials: [SecretBytes] = []
    /// What the call is about, in messages.
    var reference: String?
    var repetition = ProviderCaller.Repetition.idempotent
    /// Statuses beside 200 and 204 that the caller reads itself.
    var accepts: Set<Int> = []
  }

  struct Answer: Sendable {
    let status: Int
    /// `nil` without a body.
    let json: JSONValue?
  }

  let address: HTTPURL
  let namespace: String?
  let transport: VaultTransport
  let caller: ProviderCaller
  let errors: VaultErrors
  let services: ProviderServices

  func send(_ call: Call) async throws(ProviderFailure) -> Answer {
    let client = try transport.client()
    let request = request(for: call, at: address)
    let response = try await caller.send(request, over: client, about: call.reference, repetition: call.repetition) {
      judge($0, call)
    }
    guard (300..<400).contains(response.status) else {
      return try answer(response, call)
    }
    // A standby that does not forward names the active node. Its answer is followed once, by the policy's leave only, since the
    // token goes along.
    let active = try errors.redirection(response, from: address, policy: services.policy, call.reference)
    let moved = self.request(for: call, at: active)
    let second = try await caller.send(moved, over: client, about: call.reference, repetition: call.repetition) {
      judge($0, call)
    }
    guard !(300..<400).contains(second.status) else {
      throw errors.redirectedTwice(call.reference)
    }
    return try answer(second, call)
  }

  private func request(for call: Call, at address: HTTPURL) -> HTTPRequest {
    var url = address.appending(rawPath: "v1/" + call.path.joined(separator: "/"))
    if !call.query.isEmpty {
      url = url.with(query: call.query)
    }
    // Demanded by agents' listeners, and harmless elsewhere: a browser cannot be tricked into sending it.
    var headers = [HTTPHeader("X-Vault-Request", "true"), HTTPHeader("Accept", "application/json")]
    if let token = call.token {
      headers.append(HTTPHeader("X-Vault-Token", secret: token))
    }
    if let namespace {
      headers.append(HTTPHeader("X-Vault-Namespace", namespace))
    }
    if call.body != nil {
      headers.append(HTTPHeader("Content-Type", "application/json"))
    }
    return HTTPRequest(
      method: call.method, url: url, headers: headers, body: call.body, timeout: services.limits.attempt,
      maximumResponseBytes: services.limits.responseBytes)
  }

  private func judge(_ response: HTTPResponse, _ call: Call) -> ProviderCaller.Verdict {
    if response.status == 200 || response.status == 204 || call.accepts.contains(response.status)
      || (300..<400).contains(response.status)
    {
      return .accept
    }
    return .fail(errors.failure(response, call.reference, sent: call.credentials + [call.token].compactMap { $0 }))
  }

  private func answer(_ response: HTTPResponse, _ call: Call) throws(ProviderFailure) -> Answer {
    if response.body.isEmpty, response.status != 200 {
      return Answer(status: response.status, json: nil)
    }
    do throws(JSONFault) {
      return Answer(status: response.status, json: try JSONValue.parse(response.body, limits: .payload))
    } catch {
      if call.accepts.contains(response.status) {
        return Answer(status: response.status, json: nil)
      }
      throw errors.notJSON(response, error, call.reference)
    }
  }
}
