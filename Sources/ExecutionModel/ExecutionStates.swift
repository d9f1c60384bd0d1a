import JSONReader

/// What an execution's `status` says: what the orchestrator wants of it, and how it stood when it was last heard of.
public struct ExecutionStates: Sendable, Equatable {
  public enum Desired: String, Sendable {
    case pending
    case running
    case stopped

    /// The words of the API, and those of older revisions: `run` for running, `complete` for stopped.
    init?(word: String) {
      switch word.lowercased() {
      case "pending": self = .pending
      case "running", "run": self = .running
      case "stopped", "stop", "complete", "completed": self = .stopped
      default: return nil
      }
    }
  }

  public enum Observed: String, Sendable {
    case pending, starting, validating, running, degraded, completed, failed, lost, stopping, stopped

    init?(word: String) {
      let word = word.lowercased()
      self.init(rawValue: word == "complete" ? "completed" : word)
    }
  }

  /// A document without a state is wanted.
  public let desired: Desired
  /// `nil` where the document says none that the API knows.
  public let observed: Observed?

  /// Why its outputs are no longer wanted; `nil` while they are. What failed, is lost or degraded may come back.
  public var end: String? {
    if desired == .stopped {
      return "its desired state is stopped"
    }
    switch observed {
    case .completed?, .stopped?: return observed.map { "its observed state is \($0.rawValue)" }
    default: return nil
    }
  }
}
