import EventLoop
import ExecutionModel
import Foundation
import Logging
import SecretBytes
import Synchronization

@testable import AgentDaemon

/// A folder of one test's own for documents, removed with it.
final class FolderScene: Sendable {
  let base: String
  var path: String { base + "/executions" }

  init() throws {
    base = FileManager.default.temporaryDirectory.appendingPathComponent("folder-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: base)
  }

  /// Opens, writes and closes the file.
  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
  }

  /// Writes beside the folder and renames into it.
  func place(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: base + "/staged"))
    guard rename(base + "/staged", path + "/" + name) == 0 else {
      throw POSIXError(.EIO)
    }
  }

  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: path + "/" + name)
  }

  static func execution(_ id: String, name: String = "web") -> String {
    #"{"id": "\#(id)", "node_id": "n1", "job_spec": {"name": "\#(name)", "secrets": {}}}"#
  }
}

/// The first looks at a folder, without events and with a clock in the test's hand.
final class FolderLooks {
  static let quiet = Duration.seconds(2)

  var reports: FolderReports
  var now = Moment(nanoseconds: 1_000_000_000_000)

  init(_ scene: FolderScene, known: Set<String> = []) {
    reports = FolderReports(
      source: "folder", path: scene.path, quiet: Self.quiet, known: known, now: now)
  }

  /// Looks after `span`, with these events since the last look; `nil` where it is the same as before.
  func look(
    after span: Duration = .zero, complete: [String] = [], writing: [String] = [], isWatched: Bool = true,
    isIncomplete: Bool = false
  ) -> SourceReport? {
    now = now.advanced(by: span)
    var news = FolderNews(isIncomplete: isIncomplete)
    for name in complete {
      news.marks[name] = FolderMark(kind: .complete, at: now)
    }
    for name in writing {
      news.marks[name] = FolderMark(kind: .writing, at: now)
    }
    return reports.look(isWatched: isWatched, now: now) { news }
  }
}

/// What a running source reported, for a test to wait for.
final class ReportLog: Sendable {
  private let stream: AsyncStream<SourceReport>
  private let continuation: AsyncStream<SourceReport>.Continuation
  private let all = Mutex<[SourceReport]>([])

  init() {
    (stream, continuation) = AsyncStream.makeStream()
  }

  var reports: [SourceReport] { all.withLock { $0 } }

  func note(_ report: SourceReport) {
    all.withLock { $0.append(report) }
    continuation.yield(report)
  }

  /// Takes reports up to the first that fits.
  func first(_ fits: (SourceReport) -> Bool) async -> SourceReport? {
    for await report in stream where fits(report) {
      return report
    }
    return nil
  }

  func next() async -> SourceReport? { await first { _ in true } }
}

let silentLog = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
