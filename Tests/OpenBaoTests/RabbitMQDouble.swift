import Foundation
import Synchronization
import TestSupport

/// The part of RabbitMQ's management HTTP API (https://www.rabbitmq.com/docs/http-api-reference) that OpenBao's `rabbitmq` engine calls:
/// users and their permissions. It does what the API says and no more; every other request is refused and kept as a fault.
final class RabbitMQDouble: Sendable {
  static let administrator = (name: "bao", password: "correct horse")

  private struct User {
    let password: String
    let tags: String
    /// By virtual host.
    var permissions: [String: [String: String]] = [:]
  }

  private struct State {
    var users: [String: User] = [:]
    var created: [String] = []
    var deleted: [String] = []
    var faults: [String] = []
  }

  var address: String { endpoint.address }
  private let endpoint: HTTPEndpoint
  private let state: StateBox

  init() throws {
    let state = StateBox()
    self.state = state
    endpoint = try HTTPEndpoint { request in
      state.mutex.withLock { state in
        let response = Self.answer(request, &state)
        if response.status.hasPrefix("4") {
          state.faults.append("\(request.method) \(request.path) \(response.status)")
        }
        return response
      }
    }
  }

  /// Every user that was ever made, in order.
  var created: [String] { state.mutex.withLock { $0.created } }
  var deleted: [String] { state.mutex.withLock { $0.deleted } }
  /// Users that can log in now.
  var living: [String] { state.mutex.withLock { $0.users.keys.sorted() } }
  /// Requests that the API would refuse.
  var faults: [String] { state.mutex.withLock { $0.faults } }

  /// Whether a user of this name logs in by this password, and may do in the virtual host `/` what its role says.
  func admits(_ name: String, _ password: String) -> Bool {
    state.mutex.withLock {
      $0.users[name].map { $0.password == password && $0.permissions["/"] != nil } ?? false
    }
  }

  /// A mutex cannot be captured while its owner is made.
  private final class StateBox: Sendable {
    let mutex = Mutex(State())
  }

  // MARK: - The API

  private static func answer(_ request: HTTPEndpoint.Request, _ state: inout State) -> HTTPEndpoint.Response {
    let credentials = Data("\(administrator.name):\(administrator.password)".utf8).base64EncodedString()
    guard request.headers["authorization"] == "Basic \(credentials)" else {
      return refusal("401 Unauthorized", "not_authorised", "Login failed")
    }
    let segments = request.path.split(separator: "/").map { $0.removingPercentEncoding ?? "" }
    switch (request.method, segments.prefix(2), segments.count) {
    case ("GET", ["api", "users"], 2):
      let users = [(administrator.name, "administrator")] + state.users.map { ($0.key, $0.value.tags) }
      return HTTPEndpoint.Response(
        status: "200 OK",
        body: .array(
          users.map {
            [
              "name": .string($0.0), "password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha256",
              "tags": .array($0.1.split(separator: ",").map { .string(String($0)) }), "limits": [:],
            ]
          }))
    case ("PUT", ["api", "users"], 3): return make(segments[2], request.body, &state)
    case ("DELETE", ["api", "users"], 3):
      guard state.users.removeValue(forKey: segments[2]) != nil else {
        return refusal("404 Not Found", "Object Not Found", "Not Found")
      }
      state.deleted.append(segments[2])
      return HTTPEndpoint.Response(status: "204 No Content")
    case ("PUT", ["api", "permissions"], 4): return allow(segments[3], in: segments[2], request.body, &state)
    default: return refusal("405 Method Not Allowed", "method_not_allowed", "not a call of this double")
    }
  }

  /// `tags` has to be there, and a password or its hash.
  private static func make(_ name: String, _ body: Data, _ state: inout State) -> HTTPEndpoint.Response {
    guard let members = try? JSONDecoder().decode([String: String].self, from: body), let tags = members["tags"] else {
      return refusal("400 Bad Request", "bad_request", "key_missing: tags")
    }
    guard let password = members["password"] else {
      return refusal("400 Bad Request", "bad_request", "key_missing: password")
    }
    let isNew = state.users[name] == nil
    state.users[name] = User(password: password, tags: tags)
    state.created.append(name)
    return HTTPEndpoint.Response(status: isNew ? "201 Created" : "204 No Content")
  }

  private static func allow(
    _ name: String, in host: String, _ body: Data, _ state: inout State
  ) -> HTTPEndpoint.Response {
    guard let members = try? JSONDecoder().decode([String: String].self, from: body),
      Set(members.keys) == ["configure", "write", "read"]
    else {
      return refusal("400 Bad Request", "bad_request", "key_missing: configure, write, read")
    }
    guard host == "/" else {
      return refusal("404 Not Found", "Object Not Found", "vhost_not_found")
    }
    guard var user = state.users[name] else {
      return refusal("400 Bad Request", "bad_request", "no_such_user")
    }
    let isNew = user.permissions.updateValue(members, forKey: host) == nil
    state.users[name] = user
    return HTTPEndpoint.Response(status: isNew ? "201 Created" : "204 No Content")
  }

  private static func refusal(_ status: String, _ error: String, _ reason: String) -> HTTPEndpoint.Response {
    HTTPEndpoint.Response(status: status, body: ["error": .string(error), "reason": .string(reason)])
  }
}
