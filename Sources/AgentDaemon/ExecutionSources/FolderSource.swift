import CLinux
import EventLoop
import ExecutionModel
import Glibc
import Logging
import Synchronization

/// A watched folder of documents (`*.json`, `*.yaml`, `*.yml`) as a source of executions.
///
/// A file counts at once when it was closed or renamed into place and can be read, else when it has been quiet for a while; until then
/// its last good content stays in force, and what cannot be read is no fault. A removed file stops its executions, a folder that is
/// gone stops nothing. A bare job spec is known by the file's name without its extension.
public struct FolderSource: ExecutionSource {
  public let name: String
  private let path: String
  private let quiet: Duration
  private let known: Set<String>
  private let loop: EventLoop?
  private let worker: WorkerThread?
  private let time: any TimeSource
  private let log: Logger
  private let behind = Flag()

  /// How long after an event the folder is read, if nothing more happens.
  static let gathering = Duration.milliseconds(50)
  /// How long events are gathered at most, so that a thousand files make a few reports.
  static let longestGathering = Duration.milliseconds(500)

  /// - Parameters:
  ///   - quiet: how long a file that nobody closed must have been unchanged.
  ///   - known: executions that the folder listed in an earlier life of the daemon. They leave once every file could be read and none
  ///     has them.
  ///   - loop: where inotify is watched; `nil`: the folder is only read from time to time.
  ///   - worker: where documents are read and parsed; `nil`: where the source runs.
  public init(
    path: String, quiet: Duration, known: Set<String> = [], loop: EventLoop?, worker: WorkerThread? = nil,
    time: any TimeSource, log: Logger
  ) {
    self.name = "folder \(path)"
    self.path = path
    self.quiet = quiet
    self.known = known
    self.loop = loop
    self.worker = worker
    self.time = time
    self.log = log
  }

  public var isBehind: Bool { behind.isSet }

  public func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
    let events = loop.flatMap { FolderEvents(path, $0, time) }
    if loop != nil, events == nil {
      log.warning(
        "folder not watched",
        metadata: ["source": "\(name)", "reason": "no inotify; it is read every \(FolderReports.rescan)"])
    }
    var reports = FolderReports(source: name, path: path, quiet: quiet, known: known, now: time.now)
    var noted: [String: String] = [:]
    var hasFailed = false
    while !Task.isCancelled {
      // The watch comes first, lest something happen between the two.
      let isWatched = events?.watch() ?? false
      let made: SourceReport?
      (reports, made) = await look(reports, events, isWatched: isWatched)
      if let made {
        note(made, &noted)
        if hasFailed, made.failure == nil {
          log.notice("folder readable again", metadata: ["source": "\(name)"])
        }
        hasFailed = made.failure != nil
        await report(made)
      }
      behind.isSet = false
      await wait(for: events, until: reports.nextLook)
    }
  }

  private func look(
    _ reports: FolderReports, _ events: FolderEvents?, isWatched: Bool
  ) async -> (FolderReports, SourceReport?) {
    let now = time.now
    return await WorkerThread.run(on: worker) {
      var reports = reports
      let made = reports.look(isWatched: isWatched, now: now) { events?.takeNews() ?? FolderNews() }
      return (reports, made)
    }
  }

  /// Logs what became unreadable since the last report.
  private func note(_ report: SourceReport, _ noted: inout [String: String]) {
    if let failure = report.failure {
      log.warning("folder not readable", metadata: ["source": "\(name)", "reason": "\(failure)"])
    }
    for (id, reason) in report.unreadable.sorted(by: { $0.key < $1.key }) where noted[id] != reason {
      log.warning("document unreadable", metadata: ["source": "\(name)", "reason": "\(reason)"])
    }
    noted = report.unreadable
  }

  /// Until something happened, and a moment more, in which more of the same may.
  private func wait(for events: FolderEvents?, until moment: Moment) async {
    guard let events else {
      try? await time.sleep(until: moment)
      return
    }
    guard await happens(events, until: moment) else {
      return
    }
    behind.isSet = true
    let latest = time.now.advanced(by: Self.longestGathering)
    while await happens(events, until: min(latest, time.now.advanced(by: Self.gathering))), time.now < latest {}
  }

  /// Whether something happened before `moment`.
  private func happens(_ events: FolderEvents, until moment: Moment) async -> Bool {
    let time = time
    return await withTaskGroup(of: Bool.self) { group in
      group.addTask { await events.next() }
      group.addTask {
        try? await time.sleep(until: moment)
        return false
      }
      let first = await group.next() ?? false
      group.cancelAll()
      return first
    }
  }
}

private final class Flag: Sendable {
  private let state = Mutex(false)

  var isSet: Bool {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}
