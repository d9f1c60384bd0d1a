import EventLoop
import ExecutionModel
import Logging
import ProviderKit

/// What there is to say of failed refreshes. Those of one connection are gathered for a moment, and while a server is down its
/// references are told together from time to time: it is one line and not one for each of them.
struct FailureReports {
  /// How long a first failure waits for others, while calls are under way.
  static let settling = Duration.seconds(1)
  /// How long a further one waits, since pauses before further attempts differ by chance.
  static let repeats = Duration.seconds(5)
  /// How long after its line a server that is down is told of again; twice as long each time, up to the longest. References that are due
  /// meanwhile fail for the same reason.
  static let firstQuiet = Duration.seconds(30)
  static let longestQuiet = Duration.seconds(600)

  private struct Failed {
    let reference: Reference
    let failure: ProviderFailure
    /// How long after the failure it is tried again; `nil`: it is not.
    let retryIn: Duration?
    let failuresInARow: Int
  }

  /// What is told together.
  private struct Place: Hashable {
    let connection: ProviderConnection.Key
    /// What may pass by itself, as a server that is down; `nil` for all else.
    let passing: String?

    init(_ reference: Reference, _ failure: ProviderFailure) {
      connection = reference.connection
      passing = failure.isRetriable ? failure.cause : nil
    }
  }

  /// Those of one place, in the order in which they failed first.
  private struct Gathered {
    let number: Int
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
  private var gathered: [Place: Gathered] = [:]
  private var count = 0
  /// Until when what was told is not told again, and how long that was.
  private var quiet: [Place: (until: Moment, span: Duration)] = [:]

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
    let place = Place(reference, failure)
    let due = quietly(now.advanced(by: state.failuresInARow > 1 ? Self.repeats : Self.settling), place)
    count += 1
    var entry = gathered[place] ?? Gathered(number: count, due: due)
    entry.due = min(entry.due, due)
    entry.add(
      Failed(
        reference: reference, failure: failure, retryIn: state.due.map { max(.zero, now.duration(to: $0)) },
        failuresInARow: state.failuresInARow))
    gathered[place] = entry
  }

  private func quietly(_ due: Moment, _ place: Place) -> Moment { quiet[place].map { max(due, $0.until) } ?? due }

  /// Nothing is under way on a connection: a first failure on it has no others to wait for.
  mutating func settle(_ connection: ProviderConnection.Key, at now: Moment) {
    for (place, entry) in gathered
    where place.connection == connection && entry.failed.contains(where: { $0.failuresInARow <= 1 }) {
      let due = quietly(now, place)
      gathered[place]?.due = due
    }
  }

  /// A call on a connection was answered: what fails on it from now on is news.
  mutating func recover(_ connection: ProviderConnection.Key, at now: Moment) {
    for place in quiet.keys where place.connection == connection {
      quiet[place] = nil
      if let entry = gathered[place] {
        gathered[place]?.due = min(entry.due, now.advanced(by: Self.repeats))
      }
    }
  }

  /// Writes what is due.
  mutating func write(at now: Moment) {
    for (place, entry) in gathered.sorted(by: { $0.value.number < $1.value.number }) where entry.due <= now {
      gathered[place] = nil
      write(entry.failed)
      if place.passing != nil {
        let span = quiet[place].map { min($0.span * 2, Self.longestQuiet) } ?? Self.firstQuiet
        quiet[place] = (now.advanced(by: span), span)
      }
    }
    // What has not failed for that long again is forgotten.
    for (place, last) in quiet where last.until.advanced(by: Self.longestQuiet) < now {
      quiet[place] = nil
    }
  }

  /// Writes all that there is.
  mutating func finish() {
    let all = gathered.values.sorted { $0.number < $1.number }.map(\.failed)
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
