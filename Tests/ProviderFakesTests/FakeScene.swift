import EventLoop
import HTTPTransport
import JSONReader
import Logging
import ProviderFakes
import SecretBytes
import Testing
import Text

/// A fake Vault and a client that talks to it over real HTTP.
struct FakeScene {
  /// What the fake answered.
  struct Answer {
    let status: Int
    let headers: HTTPFields
    let text: String
    /// `nil` where the body is not JSON.
    let json: JSONValue?

    var error: String? { json?.member("errors")?.element(0)?.text }
    var token: String? { json?.member("auth")?.member("client_token")?.text }
  }

  let fake: VaultFake
  let client: HTTPClient

  /// Runs `body` on an event loop with a started fake, and stops it.
  static func run(
    tls: FakeTLS = .none, options: HTTPClientOptions = HTTPClientOptions(),
    _ body: @escaping @Sendable (FakeScene) async throws -> Void
  ) throws {
    let loop = try EventLoop()
    let outcome = loop.run { () async -> Result<Void, any Error> in
      do {
        let fake = try await VaultFake.start(tls: tls)
        let client = HTTPClient(
          loop: loop, options: options, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let outcome: Result<Void, any Error>
        do {
          try await body(FakeScene(fake: fake, client: client))
          outcome = .success(())
        } catch {
          outcome = .failure(error)
        }
        await fake.stop()
        return outcome
      } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  /// `method address/path`, by default with the root token.
  func call(
    _ method: HTTPMethod, _ path: String, token: String? = VaultFake.rootToken, namespace: String? = nil,
    headers more: [HTTPHeader] = [], body: String? = nil
  ) async throws -> Answer {
    var headers = more
    if let token {
      headers.append(HTTPHeader("X-Vault-Token", token))
    }
    if let namespace {
      headers.append(HTTPHeader("X-Vault-Namespace", namespace))
    }
    let request = HTTPRequest(
      method: method, url: try HTTPURL(parsing: fake.address + path), headers: headers,
      body: body.map { SecretBytes($0) })
    let response = try await client.send(request)
    return Answer(
      status: response.status, headers: response.headers, text: response.body.unsafeString() ?? "",
      json: try? JSONValue.parse(response.body, limits: .payload))
  }

  func get(_ path: String, token: String? = VaultFake.rootToken, namespace: String? = nil) async throws -> Answer {
    try await call(.get, path, token: token, namespace: namespace)
  }

  /// A login by AppRole.
  func logIn(_ role: String, _ secret: String, mount: String = "approle", namespace: String? = nil) async throws
    -> Answer
  {
    try await call(
      .post, "/v1/auth/\(mount)/login", token: nil, namespace: namespace,
      body: #"{"role_id": "\#(role)", "secret_id": "\#(secret)"}"#)
  }

  /// A login by a JWT as the role `web`.
  func logIn(jwt: String, role: String = "web", mount: String = "jwt") async throws -> Answer {
    try await call(
      .post, "/v1/auth/\(mount)/login", token: nil, body: #"{"role": "\#(role)", "jwt": "\#(jwt)"}"#)
  }

  /// Why `path` has no answer.
  func failure(_ path: String) async throws -> TransportFailure.Kind? {
    do {
      _ = try await get(path)
      return nil
    } catch let failure as TransportFailure {
      return failure.kind
    }
  }
}
