import EventLoop
import ExecutionModel
import Logging
import ProviderKit

/// What there is to say of failed refreshes. Those of one connection are gathered for a moment, so that a server that is down is one
/// line and not one for each of its references.
struct FailureReports {
  /// How long a first failure waits for others, while calls are under way.
  static let settling = Duration.seconds(1)
  /// How long a further one waits, since pauses before further attempts differ by chance.
  static let repeats = Duration.seconds(5)

  private struct Failed {
    let reference: Reference
    let failure: ProviderFailure
    /// How long after the failure it is tried again; `nil`: it is not.
    let retryIn: Duration?
    let failuresInARow: Int
  }

  /// Those of one connection, in the order in which they failed first.
  private struct Gathered {
    var due: Moment
    var failed: [Failed] = []
    var places: [Reference: Int] = [:]

    mutating func add(_ one: Failed) {
      if let place = places[one.reference] {
        failed[place] = one
      } else {
        places[one.reference] = failed.count
        failed.append(one)
      }
    }
  }

  private let log: Logger
  private var gathered: [ProviderConnection.Key: Gathered] = [:]

  init(_ log: Logger) {
    self.log = log
  }

  /// When the next lines are to be written; `nil`: there is nothing to say.
  var due: Moment? { gathered.values.lazy.map(\.due).min() }

  /// Takes in that the last refresh of `reference` failed. Of one that fails again meanwhile, the last failure counts.
  mutating func note(_ reference: Reference, _ state: ReferenceState, at now: Moment) {
    guard let failure = state.failure else {
      return
    }
    let due = now.advanced(by: state.failuresInARow > 1 ? Self.repeats : Self.settling)
    var entry = gathered[reference.connection] ?? Gathered(due: due)
    entry.due = min(entry.due, due)
    entry.add(
      Failed(
        reference: reference, failure: failure, retryIn: state.due.map { max(.zero, now.duration(to: $0)) },
        failuresInARow: state.failuresInARow))
    gathered[reference.connection] = entry
  }

  /// Nothing is under way on a connection: a first failure on it has no others to wait for.
  mutating func settle(_ connection: ProviderConnection.Key, at now: Moment) {
    if let entry = gathered[connection], entry.failed.contains(where: { $0.failuresInARow <= 1 }) {
      gathered[connection]?.due = now
    }
  }

  /// Writes what is due.
  mutating func write(at now: Moment) {
    for (connection, entry) in gathered where entry.due <= now {
      gathered[connection] = nil
      write(entry.failed)
    }
  }

  /// Writes all that there is.
  mutating func finish() {
    let all = gathered.values.map(\.failed)
    gathered = [:]
    for failed in all {
      write(failed)
    }
  }

  private func write(_ failed: [Failed]) {
    for group in FailureGroup.grouped(failed.map { ($0, $0.failure) }).flatMap(\.told) {
      let reason = group.line("references", name: { $0.reference.description }, single: { $0.failure.line })
      let members = group.members.map(\.subject)
      log.warning(
        "refresh failed",
        metadata: [
          "class": "\(members.first?.failure.kind.rawValue ?? "")", "reason": "\(reason)",
          "retry_in_seconds": .stringConvertible(members.compactMap(\.retryIn).min() ?? .zero),
          "failures": .stringConvertible(members.map(\.failuresInARow).max() ?? 0),
        ])
    }
  }
}
