import ProviderFakes
import Synchronization
import TestSupport

/// An orchestrator as the API's page has it: `GET /api/v1/executions` filters by `node_ids` and `states` and pages by `limit` and
/// `next_token`, `GET /api/v1/jobs/{id}` gives a job, `POST /api/v1/auth/token` exchanges an API key.
final class OrchestratorDouble: Sendable {
  static let apiKey = "an-api-key-0123456789"
  private static let token = "a.bearer.token"

  struct Execution: Sendable {
    let id: String
    var node = "test"
    var desired = "run"
    var observed = "running"
    /// `nil`: it comes without, as in the page's own example.
    var jobSpec: JSON?
    var jobVersion = 2

    fileprivate var json: JSON {
      var members: [(key: String, value: JSON)] = [
        ("id", .string(id)), ("eval_id", "eval-1"), ("job_id", "job-abc123xyz"), ("job_type", "pipeline"),
        ("job_version", .literal("\(jobVersion)")), ("namespace", "production"), ("node_id", .string(node)),
        ("rollout_wave", .literal("0")),
        (
          "status",
          [
            "created_at": "2025-01-15T10:35:00Z",
            "desired_state": ["message": "", "state_type": .string(desired)],
            "observed_state": ["message": "Pipeline processing logs", "state_type": .string(observed)],
            "revision": .literal("5"), "updated_at": "2025-01-15T10:36:15Z",
          ]
        ),
      ]
      if let jobSpec {
        members.append(("job_spec", jobSpec))
      }
      return .object(members)
    }
  }

  private struct State {
    var executions: [Execution] = []
    var jobs: [String: JSON] = [:]
  }

  private let state: Held
  let server: FakeServer

  private final class Held: Sendable {
    let state = Mutex(State())
  }

  init() async throws {
    let held = Held()
    state = held
    server = try await FakeServer.start { request in Self.answer(request, held.state.withLock { $0 }) }
  }

  func list(_ executions: [Execution]) { state.state.withLock { $0.executions = executions } }
  func put(job id: String, _ specification: JSON) { state.state.withLock { $0.jobs[id] = specification } }

  private static func answer(_ request: RecordedRequest, _ state: State) -> FakeReply {
    guard request.headers["user-agent"]?.isEmpty == false else {
      return .json(400, #"{"error": "a User-Agent is required"}"#)
    }
    if request.line == "POST /api/v1/auth/token" {
      return request.headers["authorization"] == "Bearer \(apiKey)"
        ? .json(200, #"{"access_token": "\#(token)", "expires_in": 3600}"#) : .json(401, "{}")
    }
    guard request.headers["authorization"] == "Bearer \(token)" else {
      return .json(401, "{}")
    }
    if request.path == "/api/v1/executions" {
      return page(request, state)
    }
    let prefix = "/api/v1/jobs/"
    guard request.path.hasPrefix(prefix), let job = state.jobs[String(request.path.dropFirst(prefix.count))] else {
      return .json(404, "{}")
    }
    return .json(200, (["job": job] as JSON).text)
  }

  private static func page(_ request: RecordedRequest, _ state: State) -> FakeReply {
    func values(_ name: String) -> [String] {
      request.rawQuery.split(separator: "&").filter { $0.hasPrefix("\(name)=") }.map {
        String($0.dropFirst(name.count + 1))
      }
    }
    guard let limit = Int(values("limit").first ?? "100"), (1...1000).contains(limit) else {
      return .json(400, #"{"error": "limit is at most 1000"}"#)
    }
    let (nodes, states) = (values("node_ids"), values("states"))
    let chosen = state.executions.filter { execution in
      (nodes.isEmpty || nodes.contains(execution.node)) && (states.isEmpty || states.contains(execution.observed))
    }
    let start = min(Int(values("next_token").first ?? "0") ?? 0, chosen.count)
    let end = min(start + limit, chosen.count)
    let items = JSON.array(chosen[start..<end].map(\.json))
    let next: JSON = .string(end < chosen.count ? "\(end)" : "")
    return .json(200, (["items": items, "next_token": next] as JSON).text)
  }
}
