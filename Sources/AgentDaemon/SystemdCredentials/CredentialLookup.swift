import Delivery
import EventLoop
import Resolution
import SecretBytes
import Text

/// Finds what a unit's credential is: a secret of the execution that serves the unit, or `env`, its env file.
@DaemonActor
final class CredentialLookup {
  /// What systemd takes of one unit in all, names included (`CREDENTIALS_TOTAL_SIZE_MAX` of its creds-util.h).
  static let mostBytes = 1 << 20

  /// The settings that it goes by, as they are in force.
  struct Rules: Sendable {
    let credentials: AgentConfiguration.Credentials
    /// The format of `env`; `nil`: there is none.
    let environmentFile: EnvironmentFormat?
  }

  /// Why there is nothing to give, as one line that holds no value.
  struct Refusal: Error, Equatable {
    let reason: String
  }

  private let delivered: DeliveredGenerations
  private let time: any TimeSource
  private let worker: WorkerThread?
  private let rules: @DaemonActor () -> Rules
  private let standing: @DaemonActor (String) -> ValueAPI.Standing
  private let candidates: @DaemonActor (String) -> [String]
  private var starts = UnitStarts()

  /// - Parameters:
  ///   - standing: what is known of an execution without a generation.
  ///   - candidates: ids of executions whose job has this name.
  init(
    _ delivered: DeliveredGenerations, time: any TimeSource, worker: WorkerThread?,
    rules: @escaping @DaemonActor () -> Rules, standing: @escaping @DaemonActor (String) -> ValueAPI.Standing,
    candidates: @escaping @DaemonActor (String) -> [String]
  ) {
    self.delivered = delivered
    self.time = time
    self.worker = worker
    self.rules = rules
    self.standing = standing
    self.candidates = candidates
  }

  /// - Parameters:
  ///   - process: systemd's, that loads the credentials of this start.
  ///   - mayWait: whether a first generation is waited for; else there is what there is.
  func credential(
    _ request: CredentialRequest, process: Int32, mayWait: Bool = true
  ) async throws(Refusal) -> SecretBytes {
    let rules = rules()
    let key = UnitStarts.Key(process: process, unit: request.unit)
    let start = starts.start(key, now: time.now, wait: rules.credentials.wait)
    let deadline = mayWait ? start.began.advanced(by: rules.credentials.wait) : start.began
    let generation = await delivered.arrivals.first(until: deadline) { () -> DeliveredGeneration? in
      guard case .success(let found) = self.generation(of: request.unit, rules) else {
        return nil
      }
      return start.generation?.execution == found.execution ? start.generation : found
    }
    guard let generation else {
      throw self.generation(of: request.unit, rules).failure ?? Refusal(reason: "the daemon stops")
    }
    starts.note(generation, of: key)
    let value = try await value(request.credential, of: generation, rules.environmentFile)
    guard value.count + request.credential.utf8.count <= Self.mostBytes else {
      throw Refusal(reason: "it takes over 1 MiB, which is more than systemd takes of a unit; use the outputs' files")
    }
    return value
  }

  /// The generation that serves a unit: by the map, else the one whose job has the unit's name.
  private func generation(
    of unit: String, _ rules: Rules
  ) -> Result<DeliveredGeneration, Refusal> {
    if let id = rules.credentials.units[unit] {
      return delivered.generation(of: id).map { .success($0) }
        ?? .failure(Refusal(reason: absence(of: id, "which credentials.units names")))
    }
    let name = unit.hasSuffix(".service") ? String(unit.dropLast(".service".count)) : unit
    let found = delivered.generations(ofJob: name)
    if let one = found.first, found.count == 1 {
      return .success(one)
    }
    guard !found.isEmpty else {
      if let id = candidates(name).min() {
        return .failure(Refusal(reason: absence(of: id, "which has the unit's name")))
      }
      let shown = ShownText.clean(name)
      return .failure(
        Refusal(reason: "no execution has job_spec.name \(shown), and credentials.units names none for the unit"))
    }
    let ids = found.map { ShownText.clean($0.execution) }.sorted().prefix(5).joined(separator: ", ")
    return .failure(
      Refusal(reason: "\(found.count) executions have that name (\(ids)); name one in credentials.units"))
  }

  /// Why an execution has nothing to give.
  private func absence(of id: String, _ which: String) -> String {
    let shown = ShownText.clean(id)
    switch standing(id) {
    case .unknown: return "there is no execution \(shown), \(which)"
    case .expected(let reason): return "execution \(shown), \(which), has no generation: \(reason)"
    }
  }

  /// A secret counts before `env`, which one may be called.
  private func value(
    _ name: String, of generation: DeliveredGeneration, _ format: EnvironmentFormat?
  ) async throws(Refusal) -> SecretBytes {
    if let secret = generation.secrets.first(where: { $0.name == name }) {
      return secret.value
    }
    let execution = ShownText.clean(generation.execution)
    guard name == "env" else {
      throw Refusal(reason: "execution \(execution) has no secret of that name")
    }
    guard let format else {
      throw Refusal(reason: "there is no env file: outputs.environment_file is none")
    }
    let secrets = generation.secrets.map { DeliveredSecret(name: $0.name, value: $0.value) }
    do throws(DeliveryFaults) {
      return try await WorkerThread.run(on: worker) { () throws(DeliveryFaults) -> SecretBytes in
        try EnvironmentFile.render(secrets, format: format)
      }
    } catch {
      throw Refusal(reason: error.faults.first.map { "\($0)" } ?? "the env file cannot be written")
    }
  }
}

extension Result {
  fileprivate var failure: Failure? {
    if case .failure(let failure) = self { failure } else { nil }
  }
}
