import EventLoop
import ExecutionModel
import SecretBytes
import Text

/// The jobs of executions that came without their job spec, each version asked for once.
struct OrchestratorJobs {
  /// How long a job that the orchestrator does not have, or that is not the wanted version, is left alone.
  static let retryPause = Duration.seconds(300)

  struct Key: Hashable {
    let id: String
    /// `nil` where the execution does not say.
    let version: Int64?

    /// `nil` for an execution of no job.
    init?(_ item: ExecutionDocument.Item) {
      guard let id = item.jobID else {
        return nil
      }
      self.id = id
      version = item.jobVersion
    }
  }

  typealias Outcome = Result<ExecutionDocument.Item, OrchestratorFault>

  private var outcomes: [Key: (outcome: Outcome, until: Moment?)] = [:]

  func known(_ key: Key) -> Outcome? { outcomes[key]?.outcome }

  func isDue(_ key: Key, at now: Moment) -> Bool {
    guard let (_, until) = outcomes[key] else {
      return true
    }
    return until.map { $0 <= now } ?? false
  }

  mutating func take(_ outcome: Outcome, for key: Key, at now: Moment) {
    let isGood = (try? outcome.get()) != nil
    outcomes[key] = (outcome, isGood ? nil : now.advanced(by: Self.retryPause))
  }

  /// Forgets the jobs of executions that are gone.
  mutating func keep(_ keys: [Key]) {
    let kept = Set(keys)
    outcomes = outcomes.filter { kept.contains($0.key) }
  }

  /// The job spec in the orchestrator's answer. One of another version than the execution was made of might want other secrets.
  static func specification(in body: SecretBytes, of key: Key) -> Outcome {
    do throws(DocumentFaults) {
      let item = try ExecutionDocument(body, syntax: .json).item(nil)
      guard item.hasJobSpec else {
        return .failure(OrchestratorFault("the job \(ShownText.clean(key.id)) was answered without a specification"))
      }
      if let wanted = key.version, let version = item.specVersion, version != wanted {
        return .failure(
          OrchestratorFault(
            "the job \(ShownText.clean(key.id)) is at version \(version), the execution is of version \(wanted)"))
      }
      return .success(item.detached())
    } catch {
      return .failure(
        OrchestratorFault("the job \(ShownText.clean(key.id)) is malformed: \(error.faults.first?.line ?? "")"))
    }
  }
}
