import EventLoop
import Foundation
import Logging
import TestSupport
import Testing

@testable import AgentDaemon

/// The running source: over inotify on a real loop, and without it by a clock in the test's hand.
@Suite(.timeLimit(.minutes(15))) struct FolderSourceTests {
  /// Runs `body` beside the source, on a loop of its own.
  private func watching(
    _ scene: FolderScene, quiet: Duration = .seconds(600), logger: Logger = silentLog,
    _ body: @escaping @Sendable (ReportLog) async throws -> Void
  ) throws {
    let loop = try EventLoop()
    let outcome: Result<Void, any Error> = loop.run {
      let log = ReportLog()
      let source = FolderSource(path: scene.path, quiet: quiet, loop: loop, time: loop, log: logger)
      let running = Task(executorPreference: loop) { await source.run { log.note($0) } }
      let result: Result<Void, any Error>
      do {
        result = .success(try await body(log))
      } catch {
        result = .failure(error)
      }
      running.cancel()
      await running.value
      return result
    }
    try outcome.get()
  }

  @Test func renamedAndClosedFilesCountAtOnceAndRemovedOnesLeave() throws {
    let scene = try FolderScene()
    try watching(scene) { log in
      #expect(await log.next()?.listed.isEmpty == true)
      try scene.place("a.json", FolderScene.execution("a"))
      #expect(await log.next()?.listed["a"] != nil)
      try scene.write("b.json", FolderScene.execution("b"))
      #expect(await log.next().map { Set($0.listed.keys) } == ["a", "b"])
      try scene.remove("a.json")
      #expect(await log.next()?.left == ["a"])
      #expect(rename(scene.path + "/b.json", scene.base + "/b.json") == 0)
      #expect(await log.next()?.left == ["b"])
    }
  }

  /// Else the daemon would be ready between a document's arrival and its reading.
  @Test func itIsBehindFromTheNewsToTheEndOfTheReport() throws {
    let scene = try FolderScene()
    let loop = try EventLoop()
    let source = FolderSource(path: scene.path, quiet: .seconds(600), loop: loop, time: loop, log: silentLog)
    let (reports, told) = AsyncStream.makeStream(of: Bool.self)
    let path = scene.path
    let seen: [Bool?] = loop.run {
      let running = Task(executorPreference: loop) { await source.run { _ in told.yield(source.isBehind) } }
      var reports = reports.makeAsyncIterator()
      var seen = [await reports.next()]
      try? Data(FolderScene.execution("a").utf8).write(to: URL(fileURLWithPath: path + "/a.json"))
      seen.append(await reports.next())
      while source.isBehind {
        await Task.yield()
      }
      running.cancel()
      await running.value
      return seen
    }
    #expect(seen == [false, true])
  }

  @Test func aHalfWrittenFileIsNotReportedBeforeItIsClosed() throws {
    let scene = try FolderScene()
    try watching(scene) { log in
      #expect(await log.next() != nil)
      let file = open(scene.path + "/a.yaml", O_CREAT | O_WRONLY, 0o600)
      func put(_ text: String) {
        #expect(text.withCString { write(file, $0, strlen($0)) } == text.utf8.count)
      }
      put("name: we")
      try scene.place("b.json", FolderScene.execution("b"))
      #expect(await log.next().map { Set($0.listed.keys) } == ["b"])
      put("b\nsecrets: {}\n")
      close(file)
      let report = await log.next()
      #expect(report.map { Set($0.listed.keys) } == ["a", "b"])
      #expect(report?.unreadable.isEmpty == true)
    }
  }

  @Test func aFileThatStaysOpenCountsWhenItIsQuiet() throws {
    let scene = try FolderScene()
    try watching(scene, quiet: .milliseconds(50)) { log in
      #expect(await log.next() != nil)
      let file = open(scene.path + "/a.yaml", O_CREAT | O_WRONLY, 0o600)
      defer { close(file) }
      #expect(write(file, "secrets: {}\n", 12) == 12)
      #expect(await log.first { $0.listed["a"] != nil } != nil)
    }
  }

  @Test func theSwapOfAProjectedVolumeIsSeen() throws {
    let scene = try FolderScene()
    for (version, name) in [("..1", "web"), ("..2", "other")] {
      try FileManager.default.createDirectory(
        atPath: scene.path + "/" + version, withIntermediateDirectories: false)
      try scene.write(version + "/a.json", FolderScene.execution("a", name: name))
    }
    #expect(symlink("..1", scene.path + "/..data") == 0)
    #expect(symlink("..data/a.json", scene.path + "/a.json") == 0)
    try watching(scene) { log in
      let before = try #require(await log.next()?.listed["a"])
      #expect(symlink("..2", scene.path + "/..data_tmp") == 0)
      #expect(rename(scene.path + "/..data_tmp", scene.path + "/..data") == 0)
      #expect(await log.next()?.listed["a"]?.readsTheSame(as: before) == false)
    }
  }

  @Test func aThousandFilesAtOnceMakeAFewReports() throws {
    let scene = try FolderScene()
    try watching(scene) { log in
      #expect(await log.next() != nil)
      let started = ContinuousClock.now
      for number in 0..<1000 {
        try scene.place("\(number).json", FolderScene.execution("e\(number)"))
      }
      #expect(await log.first { $0.listed.count == 1000 } != nil)
      // However slow the machine is: at most one for each gathering of events.
      let spans = Int((ContinuousClock.now - started) / FolderSource.gathering)
      #expect(log.reports.count <= 2 + spans)
      #expect(log.reports.count < 100)
    }
  }

  @Test func aFolderThatVanishesIsWatchedAgainWhenItReturns() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("a"))
    let recorded = RecordedLog()
    try watching(scene, quiet: .milliseconds(20), logger: recorded.logger) { log in
      #expect(await log.next()?.listed["a"] != nil)
      #expect(recorded.lines.isEmpty)
      #expect(rename(scene.path, scene.base + "/away") == 0)
      let gone = try #require(await log.next())
      #expect(gone.failure != nil && gone.left.isEmpty && gone.listed["a"] != nil)
      #expect(rename(scene.base + "/away", scene.path) == 0)
      let back = try #require(await log.next())
      #expect(back.failure == nil && back.left.isEmpty)
      #expect(recorded.lines(of: "folder not readable").count == 1)
      #expect(recorded.lines(of: "folder readable again") == ["folder readable again source=folder \(scene.path)"])
      try scene.place("b.json", FolderScene.execution("b"))
      #expect(await log.first { $0.listed["b"] != nil } != nil)
    }
  }

  // MARK: - Without inotify

  @Test func withoutInotifyTheFolderIsReadEveryMinute() async throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("a"))
    let time = ManualTime()
    let log = ReportLog()
    let source = FolderSource(path: scene.path, quiet: .seconds(2), loop: nil, time: time, log: silentLog)
    #expect(source.name == "folder \(scene.path)")
    let running = Task { await source.run { log.note($0) } }
    #expect(await log.next()?.listed["a"] != nil)
    await time.sleepers(1)
    try scene.remove("a.json")
    try scene.write("b.json", FolderScene.execution("b"))
    time.advance(by: .seconds(60))
    #expect(await log.next()?.left == ["a"])
    await time.sleepers(1)
    time.advance(by: .seconds(2))
    #expect(await log.next()?.listed["b"] != nil)
    running.cancel()
    await running.value
  }
}
