import EventLoop
import SecretBytes
import Text

/// The routes of the value socket, which is a socket of its own: HTTP as the local API's, one request a connection, for whom
/// `values.allowed_users` lets in.
///
/// | route | does |
/// | --- | --- |
/// | `POST /v1/volumes` | takes a ``VolumeRequest``; 200 and ``ExecutionValues``; else the status of the ``VolumeProblem``, and one line a fault |
/// | `GET /v1/executions/{id}/values` | 200 and ``ExecutionValues``: what was last delivered; 404 where no source lists it; 503 with the reason where it has no generation yet, after ``patience`` |
@DaemonActor
final class ValueAPI {
  /// How long a question waits for the first generation; who wants to wait longer asks again.
  nonisolated static let patience = Duration.seconds(2)

  /// What is known of an execution without a generation.
  enum Standing: Sendable {
    /// No source lists it, and all were heard.
    case unknown
    /// It may get one.
    case expected(reason: String)
  }

  private let delivered: DeliveredGenerations
  private let volumes: PodVolumes?
  private let time: any TimeSource
  private let worker: WorkerThread?
  private let standing: @DaemonActor (String) -> Standing

  init(
    _ delivered: DeliveredGenerations, volumes: PodVolumes? = nil, time: any TimeSource, worker: WorkerThread?,
    standing: @escaping @DaemonActor (String) -> Standing
  ) {
    self.delivered = delivered
    self.volumes = volumes
    self.time = time
    self.worker = worker
    self.standing = standing
  }

  func answer(_ request: APIRequest) async -> APIResponse {
    if request.path == ["v1", "volumes"], let volumes {
      return request.method == "POST" ? await values(request.body, volumes) : .methodNotAllowed(["POST"])
    }
    guard request.path.count == 4, request.path[0] == "v1", request.path[1] == "executions", request.path[3] == "values"
    else {
      return .text("no such route", status: 404)
    }
    guard request.method == "GET" else {
      return .methodNotAllowed(["GET"])
    }
    return await values(of: request.path[2])
  }

  private func values(_ body: SecretBytes, _ volumes: PodVolumes) async -> APIResponse {
    guard let request = await WorkerThread.run(on: worker, { VolumeRequest(json: body) }) else {
      return .text("the body is no request for a volume", status: 400)
    }
    switch await volumes.answer(request) {
    case .values(let generation):
      let values = ExecutionValues(generation)
      return .json(await WorkerThread.run(on: worker) { values.json })
    case .nothing(let problem, let lines):
      return .text(lines.joined(separator: "\n"), status: problem.rawValue)
    }
  }

  private enum Outcome {
    case found(DeliveredGeneration)
    case unknown
  }

  /// The answer to the one route.
  func values(of id: String) async -> APIResponse {
    let outcome = await delivered.arrivals.first(until: time.now.advanced(by: Self.patience)) { () -> Outcome? in
      if let generation = delivered.generation(of: id) {
        return .found(generation)
      }
      guard case .unknown = standing(id) else {
        return nil
      }
      return .unknown
    }
    switch outcome {
    case .found(let generation):
      let values = ExecutionValues(generation)
      // Megabytes, where there are thousands.
      return .json(await WorkerThread.run(on: worker) { values.json })
    case .unknown:
      return .text("no execution \(ShownText.clean(id))", status: 404)
    case nil:
      guard case .expected(let reason) = standing(id) else {
        return .text("no execution \(ShownText.clean(id))", status: 404)
      }
      return .text("execution \(ShownText.clean(id)) has no generation yet: \(reason)", status: 503)
    }
  }
}
