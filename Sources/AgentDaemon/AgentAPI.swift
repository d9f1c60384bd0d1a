import ExecutionModel
import Glibc
import JSONReader
import Refresh
import Resolution
import SecretBytes
import Text

/// The routes of the local API. No answer holds a value. Whoever is let in may GET; the rest is for operators.
///
/// | route | does |
/// | --- | --- |
/// | `GET /healthz` | 200 while the daemon works |
/// | `GET /readyz` | 200 when every execution has a generation whose values are fresh enough, else 503 and the ids |
/// | `GET /metrics` | Prometheus text |
/// | `GET /` | the same as a page for people |
/// | `GET /v1/status` | all executions and secrets |
/// | `POST /v1/refresh`, `/v1/refresh/{id}`, `/v1/refresh/{id}/{secret}` | fetches now, each reference at most every 5 s |
/// | `POST /v1/refresh/{id}/{secret}?reason=refused` | the same, for the execution's own workload too, which may do nothing else |
/// | `POST /v1/reload` | reads configuration and policy anew, and answers when that is done: 200, and in further lines which settings wait for a restart, or 422 and the faults |
/// | `PUT /v1/executions/{id}` | takes a document (an execution, or a job spec), unless another source lists the id |
/// | `DELETE /v1/executions/{id}` | stops what was put so |
struct AgentAPI: Sendable {
  let daemon: RunningDaemon

  /// Everything, for the Unix socket.
  func answer(_ request: APIRequest) async -> APIResponse {
    if request.method == "POST", request.path.prefix(2) == ["v1", "refresh"], let reason = request.query["reason"] {
      if request.path.count == 4 {
        return await noteRefusal(of: request.path[3], of: request.path[2], reason, request.peer)
      }
      // Others learn below what they may do.
      if request.isByOperator {
        return Self.error(400, "a reason is for one secret: POST /v1/refresh/{id}/{secret}?reason=refused")
      }
    }
    guard request.peer.role > .isWorkload else {
      return Self.error(403, "this user may only say that a value of its own was refused; see api.workload_users")
    }
    return switch request.path.first {
    case "v1"? where request.path.count >= 2: await answerVersion1(request, Array(request.path.dropFirst()))
    default: await answerScraper(request)
    }
  }

  /// What a scraper, or a browser, may ask over TCP.
  func answerScraper(_ request: APIRequest) async -> APIResponse {
    // No segment of a path is empty.
    let route = request.path.first ?? ""
    guard request.path.count <= 1, ["", "healthz", "readyz", "metrics"].contains(route) else {
      return Self.error(404, "no such route")
    }
    guard request.method == "GET" || request.method == "HEAD" else {
      return .methodNotAllowed(["GET", "HEAD"])
    }
    switch route {
    case "healthz": return .text("ok")
    case "readyz": return await readiness()
    case "":
      let unixTime = Int64(time(nil))
      return StatusPage.response(await daemon.page { StatusPage.render($0, at: unixTime) })
    default:
      let connections = await daemon.connectionCounts()
      return APIResponse(
        status: 200, contentType: PrometheusText.contentType,
        body: await daemon.page { PrometheusText.render($0, connections, ProcessFigures.current()) })
    }
  }

  private func readiness() async -> APIResponse {
    let (unheard, unready) = await daemon.readiness()
    guard unheard.isEmpty else {
      let names = unheard.map { ShownText.clean($0) }.joined(separator: ", ")
      return .text("not ready: not heard yet: \(names)", status: 503)
    }
    guard unready.isEmpty else {
      let ids = unready.prefix(20).map { ShownText.clean($0) }.joined(separator: ", ")
      return .text(
        "not ready: \(unready.count) \(unready.count == 1 ? "execution" : "executions"): \(ids)", status: 503)
    }
    return .text("ready")
  }

  private func answerVersion1(_ request: APIRequest, _ path: [String]) async -> APIResponse {
    switch (path.first, path.count) {
    case ("status", 1):
      guard request.method == "GET" || request.method == "HEAD" else {
        return .methodNotAllowed(["GET", "HEAD"])
      }
      return .json(await daemon.page { $0.json() })
    case ("refresh", 1...3):
      guard request.method == "POST" else {
        return .methodNotAllowed(["POST"])
      }
      guard request.isByOperator else {
        return Self.notForReaders
      }
      return await refresh(path.count > 1 ? path[1] : nil, path.count > 2 ? path[2] : nil)
    case ("reload", 1):
      guard request.method == "POST" else {
        return .methodNotAllowed(["POST"])
      }
      guard request.isByOperator else {
        return Self.notForReaders
      }
      let faults = await daemon.reload()
      let lines = faults.map(\.line)
      return faults.contains { $0.severity == .error }
        ? Self.error(422, lines.joined(separator: "\n")) : .text((["reloaded"] + lines).joined(separator: "\n"))
    case ("executions", 2):
      switch request.method {
      case "PUT" where request.isByOperator: return await put(path[1], request.body)
      case "DELETE" where request.isByOperator: return await delete(path[1])
      case "PUT", "DELETE": return Self.notForReaders
      default: return .methodNotAllowed(["PUT", "DELETE"])
      }
    default:
      return Self.error(404, "no such route")
    }
  }

  private func refresh(_ execution: String?, _ secret: String?) async -> APIResponse {
    guard let outcome = await daemon.refresh(execution, secret) else {
      return Self.error(404, "no such execution or secret")
    }
    return Self.refreshed(outcome)
  }

  private static func refreshed(_ outcome: RefreshOutcome) -> APIResponse {
    var json = JSONWriter()
    json.beginObject()
    json.member("started", Int64(outcome.started))
    json.member("too_soon", Int64(outcome.tooSoon))
    if outcome.tooSoon > 0 {
      // Whole seconds, after which it is not too soon.
      json.member("retry_after_seconds", outcome.retryAfter.components.seconds + 1)
    }
    json.endObject()
    return .json(json.finish(), status: outcome.started == 0 && outcome.tooSoon > 0 ? 429 : 202)
  }

  private func noteRefusal(
    of secret: String, of execution: String, _ reason: String, _ peer: APIPeer
  ) async -> APIResponse {
    guard reason == "refused" else {
      return Self.error(400, "the only reason known here is refused")
    }
    guard peer.role == .isOperator || peer.user != nil else {
      return Self.notForReaders
    }
    let outcome = await daemon.noteRefusal(
      of: secret, of: execution, by: peer.role == .isOperator ? nil : peer.user)
    switch outcome {
    case .taken(let outcome): return Self.refreshed(outcome)
    // Who may not say so learns nothing of what there is.
    case .notTheirs: return Self.error(403, "this execution is not one of this user's; see api.workload_users")
    case .unknown: return Self.error(404, "no such execution or secret")
    case .tooMany: return Self.error(429, "values of this execution were called refused too often")
    }
  }

  private func put(_ id: String, _ body: SecretBytes) async -> APIResponse {
    if let source = await daemon.owner(of: id) {
      return Self.error(409, "\(ShownText.clean(source)) lists this execution; see api.put_overrides")
    }
    do throws(DocumentFaults) {
      let item = try await daemon.item(body)
      if let own = item.id, own != id {
        return Self.error(422, "the document's id is not the one of the address")
      }
      let problems = try await daemon.put(id, item)
      return problems.map { Self.error(422, $0) } ?? .text("accepted", status: 202)
    } catch {
      return Self.error(422, error.faults.map(\.line).joined(separator: "\n"))
    }
  }

  private func delete(_ id: String) async -> APIResponse {
    guard await daemon.delete(id) else {
      return Self.error(404, "no execution of this id came by the local API")
    }
    if let obstacle = await daemon.obstacle(toRemoving: id) {
      return Self.error(500, "stopped, but its outputs could not be removed, which is tried again: \(obstacle)")
    }
    return .text("stopped")
  }

  private static let notForReaders = error(403, "this user may look only; see api.operator_users")

  private static func error(_ status: Int, _ message: String) -> APIResponse {
    .text(message + "", status: status)
  }
}
