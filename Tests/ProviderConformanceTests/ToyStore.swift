import HTTPTransport
import ProviderFakes
import Synchronization

/// The toy provider's store: it checks what a real one would, and is asked over HTTP.
///
/// - `POST /login` gives a token for a user's password, `DELETE /login` revokes it.
/// - `GET /values?names=A,B` reads up to ten values by their names, `GET /values/NAME` reads one.
final class ToyStore: FakeStore {
  static let user = "web"

  private struct State {
    var password = "swordfish-password"
    var values: [String: String] = [:]
    /// Unix time of the end of each.
    var tokens: [String: Int64] = [:]
    var issued = 0
    var refusesBatches = false
  }

  /// What the server answers from.
  private final class Core: Sendable {
    let state = Mutex(State())
    let clock: @Sendable () -> Int64

    init(clock: @escaping @Sendable () -> Int64) {
      self.clock = clock
    }
  }

  let server: FakeServer
  private let core: Core

  private init(server: FakeServer, core: Core) {
    self.server = server
    self.core = core
  }

  /// - Parameter clock: unix time in seconds.
  static func start(clock: @escaping @Sendable () -> Int64) async throws -> ToyStore {
    let core = Core(clock: clock)
    return ToyStore(server: try await .start { answer($0, core) }, core: core)
  }

  func put(_ name: String, _ value: String) { core.state.withLock { $0.values[name] = value } }
  func setPassword(_ password: String) { core.state.withLock { $0.password = password } }
  func refuseBatches() { core.state.withLock { $0.refusesBatches = true } }
  func revokeTokens() { core.state.withLock { $0.tokens = [:] } }
  var openTokens: Int { core.state.withLock { $0.tokens.count } }

  private static func answer(_ request: RecordedRequest, _ core: Core) -> FakeReply {
    let now = core.clock()
    return core.state.withLock { state in
      if request.line == "POST /login" {
        return logIn(request.body, &state, now)
      }
      let token = String(request.headers["authorization"]?.dropFirst("Bearer ".count) ?? "")
      guard let end = state.tokens[token], now < end else {
        return error(401, "the token is not good")
      }
      switch request.line {
      case "DELETE /login":
        state.tokens[token] = nil
        return FakeReply(status: 204, body: "")
      case "GET /values":
        return batch(request.query["names"] ?? "", state)
      default:
        guard let value = state.values[String(request.path.dropFirst("/values/".count))] else {
          return error(404, "no such value")
        }
        return .json(200, #"{"value": "\#(value)"}"#)
      }
    }
  }

  /// The words of the suite need no encoding in a form.
  private static func logIn(_ form: String, _ state: inout State, _ now: Int64) -> FakeReply {
    guard form == "user=\(user)&password=\(state.password)" else {
      // As careless a server as there are.
      return error(401, "no good: \(form)")
    }
    state.issued += 1
    let token = "toy-token-\(state.issued)"
    state.tokens[token] = now + 3600
    return .json(200, #"{"token": "\#(token)", "seconds": 3600}"#)
  }

  private static func batch(_ names: String, _ state: State) -> FakeReply {
    guard !state.refusesBatches else {
      return error(403, "the user reads one value at a time")
    }
    let names = names.split(separator: ",").map(String.init)
    guard (1...ToyProvider.batchSize).contains(names.count) else {
      return error(400, "1 to 10 names")
    }
    // No name twice, as JSON wants it.
    let found = Set(names).sorted().compactMap { name in state.values[name].map { #""\#(name)": "\#($0)""# } }
    return .json(200, #"{"values": {\#(found.joined(separator: ", "))}}"#)
  }

  private static func error(_ status: Int, _ words: String) -> FakeReply {
    .json(status, #"{"toy_error": "\#(words)"}"#)
  }
}

extension ToyStore: StoreDouble {
  static let tokenMarks = ["toy-token-"]

  static func start(_ setting: StoreSetting) async throws -> ToyStore {
    let time = setting.time
    let store = try await ToyStore.start(clock: { time.unixTime })
    try setting.folder.write("swordfish-password", as: "password")
    for number in setting.numbers {
      store.put("value-\(number)", setting.value(number))
    }
    return store
  }

  static func part(of request: HTTPRequest) -> CallPart {
    switch request.line {
    case "POST /login": .login
    case "DELETE /login": .revocation
    case "GET /values": .batch
    default: .value
    }
  }

  static func refusal(of request: HTTPRequest) -> HTTPResponse? {
    part(of: request).readsValues ? .json(401, #"{"toy_error": "the token is not good"}"#) : nil
  }

  func passed(_ span: Duration) {}
  func revokeLogins() { revokeTokens() }
  func spoilCredentials() { setPassword("swordfish-other") }
  var openLogins: Int { openTokens }
}
