import EventLoop
import ExecutionModel
import Foundation
import Testing

@testable import AgentDaemon

/// What single looks at a real folder find, with a clock in the test's hand.
@Suite struct FolderLookTests {
  @Test func aFileHoldsAnExecutionAListOrABareJobSpec() throws {
    let scene = try FolderScene()
    try scene.write("one.json", FolderScene.execution("a"))
    try scene.write("list.json", #"{"items": [\#(FolderScene.execution("b")), \#(FolderScene.execution("c"))]}"#)
    try scene.write("spec.yaml", "name: web\nsecrets: {}\n")
    try scene.write("other.yml", "id: not-an-execution\nname: web\nsecrets: {}\n")
    let looks = FolderLooks(scene)
    let report = try #require(looks.look())
    #expect(Set(report.listed.keys) == ["a", "b", "c", "spec", "other"])
    #expect(report.listed.allSatisfy { $0.key == $0.value.id })
    #expect(report.unreadable.isEmpty && report.left.isEmpty && report.failure == nil)
  }

  @Test func anEmptyFolderIsReportedOnce() throws {
    let looks = FolderLooks(try FolderScene())
    #expect(looks.look()?.listed.isEmpty == true)
    #expect(looks.look(after: .seconds(60)) == nil)
  }

  @Test(arguments: [
    ".hidden.yaml", "web.yaml~", "web.yaml.tmp", ".web.yaml.swp", "web.txt", "web", ".yaml", "#web.yaml#", "web.JSON",
  ])
  func otherNamesAreIgnored(_ name: String) throws {
    let scene = try FolderScene()
    try scene.write(name, FolderScene.execution("a"))
    let looks = FolderLooks(scene)
    #expect(looks.look()?.listed.isEmpty == true)
    #expect(looks.look(after: .seconds(60), complete: [name]) == nil)
  }

  @Test func onlyRegularFilesAreRead() throws {
    let scene = try FolderScene()
    try FileManager.default.createDirectory(atPath: scene.path + "/folder.yaml", withIntermediateDirectories: false)
    #expect(mkfifo(scene.path + "/fifo.yaml", 0o600) == 0)
    #expect(symlink("/dev/zero", scene.path + "/device.yaml") == 0)
    #expect(symlink("nowhere", scene.path + "/dangling.yaml") == 0)
    let looks = FolderLooks(scene)
    let report = looks.look()
    #expect(report?.listed.isEmpty == true && report?.unreadable.isEmpty == true)
  }

  @Test func aRemovedFileMakesItsExecutionsLeaveAtOnce() throws {
    let scene = try FolderScene()
    try scene.write("ab.json", #"{"items": [\#(FolderScene.execution("a")), \#(FolderScene.execution("b"))]}"#)
    try scene.write("c.json", FolderScene.execution("c"))
    let looks = FolderLooks(scene)
    _ = looks.look()
    try scene.remove("ab.json")
    let report = looks.look()
    #expect(report?.left == ["a", "b"])
    #expect(report.map { Set($0.listed.keys) } == ["c"])
  }

  @Test func anExecutionThatItsFileNoLongerHoldsLeaves() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("a"))
    let looks = FolderLooks(scene)
    _ = looks.look()
    try scene.place("a.json", FolderScene.execution("b"))
    let report = looks.look(complete: ["a.json"])
    #expect(report?.left == ["a"])
    #expect(report.map { Set($0.listed.keys) } == ["b"])
  }

  @Test func aRenamedFileMakesNothingLeave() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("a"))
    let looks = FolderLooks(scene)
    _ = looks.look()
    #expect(rename(scene.path + "/a.json", scene.path + "/b.json") == 0)
    let report = looks.look(complete: ["b.json"])
    #expect(report?.left.isEmpty != false)
    #expect(report.map { Set($0.listed.keys) } == ["a"])
  }

  @Test func theSameContentAgainIsNoNews() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("a"))
    let looks = FolderLooks(scene)
    _ = looks.look()
    try scene.place("a.json", FolderScene.execution("a"))
    #expect(looks.look(complete: ["a.json"]) == nil)
    try scene.place("a.json", FolderScene.execution("a", name: "other"))
    #expect(looks.look(complete: ["a.json"])?.listed["a"] != nil)
  }

  // MARK: - Half-written files

  /// What is being written at the first look is not known yet, so the folder was not heard completely.
  @Test func theFolderIsHeardWhenItsFirstDocumentsAreRead() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("a"))
    try scene.write("b.json", #"{"id": "b", "job_s"#)
    let looks = FolderLooks(scene)
    #expect(looks.look(writing: ["b.json"])?.isComplete == false)
    try scene.write("b.json", FolderScene.execution("b"))
    let report = try #require(looks.look(after: .milliseconds(10), complete: ["b.json"]))
    #expect(report.isComplete && report.listed.keys.sorted() == ["a", "b"])
    // Known already; that it is written anew takes nothing back.
    try scene.write("b.json", #"{"id": "b""#)
    #expect(looks.look(writing: ["b.json"]) == nil)
  }

  @Test func aFileThatIsBeingWrittenCountsWhenItIsClosed() throws {
    let scene = try FolderScene()
    try scene.write("a.yaml", "secrets: {}\n")
    let looks = FolderLooks(scene)
    let first = try #require(looks.look()?.listed["a"])
    // Half of a YAML file is a YAML file too.
    try scene.write("a.yaml", "name: we")
    #expect(looks.look(writing: ["a.yaml"]) == nil)
    try scene.write("a.yaml", "name: web\nsecrets: {}\n")
    let report = looks.look(after: .milliseconds(10), complete: ["a.yaml"])
    #expect(report?.listed["a"]?.readsTheSame(as: first) == false)
    #expect(report?.unreadable.isEmpty == true)
  }

  @Test func aFileThatNobodyClosesCountsWhenItHasBeenQuiet() throws {
    let scene = try FolderScene()
    let looks = FolderLooks(scene)
    _ = looks.look()
    try scene.write("a.json", FolderScene.execution("a"))
    #expect(looks.look(writing: ["a.json"]) == nil)
    #expect(looks.reports.nextLook == looks.now.advanced(by: FolderLooks.quiet))
    #expect(looks.look(after: .milliseconds(1900), writing: ["a.json"]) == nil)
    #expect(looks.look(after: .milliseconds(1900)) == nil)
    #expect(looks.look(after: .milliseconds(100))?.listed["a"] != nil)
  }

  @Test func whatCannotBeReadIsNoFaultUntilItHasBeenQuiet() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("a"))
    let looks = FolderLooks(scene)
    let before = try #require(looks.look()?.listed["a"])
    try scene.write("a.json", #"{"id": "a", "job_s"#)
    #expect(looks.look(complete: ["a.json"]) == nil)
    #expect(looks.look(after: .milliseconds(1999)) == nil)
    let report = try #require(looks.look(after: .milliseconds(1)))
    #expect(report.unreadable["a"]?.hasPrefix("a.json: ") == true)
    #expect(report.unreadable["a"]?.contains("\n") == false)
    #expect(report.listed["a"]?.readsTheSame(as: before) == true)
    #expect(report.left.isEmpty)
    #expect(looks.look(after: .seconds(60)) == nil)
    try scene.place("a.json", FolderScene.execution("a"))
    #expect(looks.look(complete: ["a.json"])?.unreadable.isEmpty == true)
  }

  @Test func whileNothingTellsOfWritesAChangedFileMustHaveBeenQuiet() throws {
    let scene = try FolderScene()
    try scene.write("a.yaml", "secrets: {}\n")
    let looks = FolderLooks(scene)
    let before = try #require(looks.look(isWatched: false)?.listed["a"])
    try scene.write("a.yaml", "name: web\nsecrets: {}\n")
    #expect(looks.look(after: .seconds(60), isWatched: false) == nil)
    #expect(looks.reports.nextLook == looks.now.advanced(by: FolderLooks.quiet))
    #expect(looks.look(after: .seconds(2), isWatched: false)?.listed["a"]?.readsTheSame(as: before) == false)
  }

  @Test func afterLostEventsEverythingIsReadAnew() throws {
    let scene = try FolderScene()
    try scene.write("gone.json", FolderScene.execution("gone"))
    let looks = FolderLooks(scene)
    _ = looks.look()
    try scene.remove("gone.json")
    try scene.write("new.json", FolderScene.execution("new"))
    #expect(looks.look(isIncomplete: true)?.left == ["gone"])
    #expect(looks.look(after: FolderLooks.quiet)?.listed["new"] != nil)
  }

  // MARK: - Links

  @Test func aProjectedVolumeIsReadThroughItsLinks() throws {
    let scene = try FolderScene()
    let manager = FileManager.default
    for (version, name) in [("..1", "web"), ("..2", "other")] {
      try manager.createDirectory(atPath: scene.path + "/" + version, withIntermediateDirectories: false)
      try scene.write(version + "/a.json", FolderScene.execution("a", name: name))
    }
    #expect(symlink("..1", scene.path + "/..data") == 0)
    #expect(symlink("..data/a.json", scene.path + "/a.json") == 0)
    let looks = FolderLooks(scene)
    let before = try #require(looks.look()?.listed["a"])
    #expect(symlink("..2", scene.path + "/..data_tmp") == 0)
    #expect(rename(scene.path + "/..data_tmp", scene.path + "/..data") == 0)
    #expect(looks.look(complete: ["..data"])?.listed["a"]?.readsTheSame(as: before) == false)
  }

  @Test func aLinkOutOfTheFolderIsNotFollowed() throws {
    let scene = try FolderScene()
    try Data(FolderScene.execution("a").utf8).write(to: URL(fileURLWithPath: scene.base + "/outside.json"))
    #expect(symlink("../outside.json", scene.path + "/out.json") == 0)
    #expect(symlink(scene.base + "/outside.json", scene.path + "/absolute.json") == 0)
    let looks = FolderLooks(scene)
    #expect(looks.look()?.listed.isEmpty == true)
    let report = looks.look(after: FolderLooks.quiet)
    #expect(report?.listed.isEmpty == true)
    #expect(report?.unreadable["out"]?.contains("symbolic link") == true)
    #expect(report?.unreadable["absolute"]?.contains("symbolic link") == true)
  }
}
