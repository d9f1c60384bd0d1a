import EventLoop
import ExecutionModel
import Text

/// Looks at the folder and makes of it what is worth a report.
struct FolderReports {
  /// How often the folder is read without an event, should one have been missed.
  static let rescan = Duration.seconds(60)
  static let rescanOfMissingFolder = Duration.seconds(2)

  private let source: String
  private let path: String
  private let quiet: Duration
  private var contents: FolderContents
  private var reported: FolderContents.Summary?
  /// Whether what was reported was all of it.
  private var wasRead = false
  private var failure: String?
  /// Executions of an earlier life of the daemon, until it is clear whether the folder still has them.
  private var known: Set<String>
  private var marks: [String: FolderMark] = [:]
  private var isFirst = true
  /// Since when a folder is there again that was gone.
  private var returnedAt: Moment?
  /// When to look again without an event.
  private(set) var nextLook: Moment

  init(source: String, path: String, quiet: Duration, known: Set<String>, now: Moment) {
    self.source = source
    self.path = path
    self.quiet = quiet
    self.known = known
    self.contents = FolderContents(quiet: quiet, retry: Self.rescan)
    self.nextLook = now
  }

  /// - Parameters:
  ///   - isWatched: whether every write since the last look is in `takeNews`.
  ///   - takeNews: is asked once the files are listed, so that no file is seen changed whose writing is not known of.
  /// - Returns: `nil` where there is nothing new to say.
  mutating func look(isWatched: Bool, now: Moment, takeNews: () -> FolderNews) -> SourceReport? {
    nextLook = now.advanced(by: Self.rescan)
    defer { isFirst = false }
    do throws(FolderFault) {
      let folder = try OpenFolder(path)
      let entries = try folder.entries()
      let news = takeNews()
      marks.merge(news.marks) { $1 }
      guard isBack(now) else {
        return nil
      }
      let isComplete = failure == nil && isWatched && !news.isIncomplete
      contents.take(entries, marks: marks, isWatched: isFirst || isComplete, now: now) {
        name throws(FolderFault) in try folder.read(name)
      }
      marks = [:]
      nextLook = min(nextLook, contents.nextDue ?? nextLook)
      return listing()
    } catch {
      returnedAt = nil
      nextLook = now.advanced(by: Self.rescanOfMissingFolder)
      return failed("\(ShownText.clean(path, atMost: 1024)): \(error.message)")
    }
  }

  /// A folder made anew is filled file by file: until it has been there for a while, what it lacks has not left.
  private mutating func isBack(_ now: Moment) -> Bool {
    guard failure != nil, reported != nil else {
      return true
    }
    let since = returnedAt ?? now
    returnedAt = since
    let due = since.advanced(by: quiet)
    guard due > now else {
      returnedAt = nil
      return true
    }
    nextLook = due
    return false
  }

  private mutating func listing() -> SourceReport? {
    let summary = contents.summary()
    var left = Set((reported?.listed ?? [:]).keys).subtracting(summary.listed.keys)
    known.subtract(summary.listed.keys)
    // A file that cannot be read may be the one that has it.
    if contents.isSettled {
      left.formUnion(known)
      known = []
    }
    let isRead = contents.isRead
    if failure == nil, left.isEmpty, wasRead || !isRead, let reported, reported.tellsTheSame(as: summary) {
      return nil
    }
    failure = nil
    reported = summary
    wasRead = isRead
    return SourceReport(
      source: source, listed: summary.listed, unreadable: summary.unreadable, left: left, isComplete: isRead)
  }

  private mutating func failed(_ reason: String) -> SourceReport? {
    guard failure != reason else {
      return nil
    }
    failure = reason
    return SourceReport(
      source: source, listed: reported?.listed ?? [:], unreadable: reported?.unreadable ?? [:], failure: reason)
  }
}
