import CLinux
import EventLoop
import ExecutionModel
import Glibc
import Logging

/// A watched folder of documents (`*.json`, `*.yaml`, `*.yml`) as a source of executions.
///
/// A file counts once it was closed or renamed into place, or has been quiet for a while; until then its last good content stays in
/// force. A removed file stops its executions. A bare job spec is known by the file's name without its extension.
public struct FolderSource: ExecutionSource {
  public let name: String
  private let path: String
  private let quiet: Duration
  private let loop: EventLoop?
  private let time: any TimeSource
  private let log: Logger

  /// How long events are gathered before the folder is read, so that a thousand files make a few reports.
  static let gathering = Duration.milliseconds(50)
  /// How often the folder is read without an event, should one have been missed.
  static let rescan = Duration.seconds(60)
  static let rescanOfMissingFolder = Duration.seconds(2)

  /// - Parameters:
  ///   - quiet: how long a file that nobody closed must have been unchanged.
  ///   - loop: where inotify is watched; `nil`: the folder is only read from time to time.
  public init(path: String, quiet: Duration, loop: EventLoop?, time: any TimeSource, log: Logger) {
    self.name = "folder \(path)"
    self.path = path
    self.quiet = quiet
    self.loop = loop
    self.time = time
    self.log = log
  }

  public func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
    let events = loop.flatMap { FolderEvents(path, $0) }
    var contents = FolderContents(source: name, path: path, quiet: quiet)
    while !Task.isCancelled {
      events?.watch()
      let outcome = contents.scan(settled: events?.takeSettled() ?? .none, now: time.now, unixTime: time.unixTime)
      if let news = outcome.report {
        if let failure = news.failure {
          log.warning("folder not readable", metadata: ["source": "\(name)", "reason": "\(failure)"])
        }
        await report(news)
      }
      let longest = outcome.isMissing ? Self.rescanOfMissingFolder : Self.rescan
      await wait(for: events, atMost: min(outcome.nextLook ?? longest, longest))
    }
  }

  /// Until something happened, and a moment more, in which more of the same may.
  private func wait(for events: FolderEvents?, atMost span: Duration) async {
    guard let events else {
      try? await time.sleep(for: span)
      return
    }
    let time = time
    let happened = await withTaskGroup(of: Bool.self) { group in
      group.addTask { await events.next() }
      group.addTask { (try? await time.sleep(for: span)) == nil }
      let first = await group.next() ?? false
      group.cancelAll()
      return first
    }
    if happened {
      try? await time.sleep(for: Self.gathering)
    }
  }
}

/// Which files are known to be complete.
enum SettledFiles: Sendable {
  /// Closed after writing, or renamed into place, since the last look.
  case named(Set<String>)
  /// All: the folder was swapped as a whole.
  case all

  static let none = SettledFiles.named([])

  func contains(_ name: String) -> Bool {
    switch self {
    case .named(let names): names.contains(name)
    case .all: true
    }
  }
}
