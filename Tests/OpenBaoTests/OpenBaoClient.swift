import Foundation
import TestSupport

/// What one call to OpenBao's HTTP API answered.
struct Answer {
  let status: Int
  let body: Data

  /// OpenBao turns a new engine into a versioned one in the background.
  var isUpgrading: Bool { String(decoding: body, as: UTF8.self).contains("Upgrading from non-versioned") }

  /// The member of `data` with this name.
  func data<Value>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
    try member(name, of: "data")
  }

  func auth<Value>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
    try member(name, of: "auth")
  }

  func top<Value>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
    let object = try JSONSerialization.jsonObject(with: body) as? [String: Any]
    guard let value = object?[name] as? Value else { throw UnexpectedAnswer(answer: self) }
    return value
  }

  private func member<Value>(_ name: String, of part: String) throws -> Value {
    guard let value = try top(part, as: [String: Any].self)[name] as? Value else {
      throw UnexpectedAnswer(answer: self)
    }
    return value
  }
}

struct UnexpectedAnswer: Error, CustomStringConvertible {
  let answer: Answer
  var call = ""

  var description: String { "\(call) \(answer.status) \(String(decoding: answer.body, as: UTF8.self))" }
}

/// A small client of OpenBao's HTTP API, by the curl command: it shares no code with what is under test.
struct OpenBaoClient: Sendable {
  struct Call {
    let method: String
    let path: String
    var body: JSON?
  }

  let address: String
  var token: String
  let folder: ScratchFolder
  /// Sent as `X-Vault-Namespace`.
  var namespace: String?
  /// More of curl's options, such as a CA and a client certificate.
  var options: [String] = []

  /// Makes all calls in one run of curl, one after the other.
  func send(_ calls: [Call]) async throws -> [Answer] {
    let mark = "\u{1e}"
    var config: [String] = []
    for call in calls {
      var lines = [
        "silent", "url = \"\(address)/v1/\(call.path)\"", "request = \"\(call.method)\"", "max-time = 20",
        "header = \"X-Vault-Token: \(token)\"", "write-out = \"\(mark)%{http_code}\(mark)\"", "noproxy = \"*\"",
      ]
      if let namespace { lines.append("header = \"X-Vault-Namespace: \(namespace)\"") }
      lines += options
      if let body = call.body {
        // By file: a line of curl's configuration may not be longer than 100 KB.
        let file = folder.fresh("body")
        try Data(body.text.utf8).write(to: file)
        lines.append("data-binary = \"@\(file.path)\"")
      }
      config.append(lines.joined(separator: "\n"))
    }
    let file = folder.fresh("curl")
    try Data(config.joined(separator: "\nnext\n").utf8).write(to: file)
    let child = try ChildProcess(
      "curl", ["--disable", "--config", file.path], environment: Self.environment, folder: folder)
    let outcome = try await child.outcome()
    let pieces = outcome.outputText.components(separatedBy: mark)
    return stride(from: 0, to: pieces.count - 1, by: 2).map {
      Answer(status: Int(pieces[$0 + 1]) ?? 0, body: Data(pieces[$0].utf8))
    }
  }

  private static let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]

  /// One call that must succeed.
  @discardableResult
  func call(_ method: String, _ path: String, _ body: JSON? = nil) async throws -> Answer {
    let answers = try await send([Call(method: method, path: path, body: body)])
    let answer = answers.first ?? Answer(status: 0, body: Data())
    guard (200..<300).contains(answer.status) else {
      throw UnexpectedAnswer(answer: answer, call: "\(method) \(path)")
    }
    return answer
  }

  @discardableResult
  func write(_ path: String, _ body: JSON) async throws -> Answer { try await call("POST", path, body) }

  func read(_ path: String) async throws -> Answer { try await call("GET", path) }

  func writeAll(_ bodies: [(path: String, body: JSON)]) async throws {
    var left = bodies
    while !left.isEmpty {
      let answers = try await send(left.map { Call(method: "POST", path: $0.path, body: $0.body) })
      var early: [(path: String, body: JSON)] = []
      for (answer, body) in zip(answers, left) where !(200..<300).contains(answer.status) {
        // A new KV v2 engine asks for a little patience, whose end the test's time limit is.
        guard answer.status == 400, answer.isUpgrading else {
          throw UnexpectedAnswer(answer: answer, call: "POST \(body.path)")
        }
        early.append(body)
      }
      left = early
    }
  }

  func isUnsealed() async throws -> Bool {
    try await send([Call(method: "GET", path: "sys/health")]).first?.status == 200
  }

  /// The server answers at all, sealed or not.
  func isListening() async throws -> Bool {
    try await send([Call(method: "GET", path: "sys/seal-status")]).first?.status == 200
  }
}
