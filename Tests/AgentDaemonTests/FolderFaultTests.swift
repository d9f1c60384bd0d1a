import EventLoop
import ExecutionModel
import Foundation
import Testing

@testable import AgentDaemon

/// Hostile and unlucky folders.
@Suite struct FolderFaultTests {
  @Test func ofTwoFilesWithOneIDTheFirstByNameCounts() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("x"))
    try scene.write("b.json", #"{"items": [\#(FolderScene.execution("x")), \#(FolderScene.execution("y"))]}"#)
    let looks = FolderLooks(scene)
    let report = try #require(looks.look())
    #expect(Set(report.listed.keys) == ["x", "y"])
    #expect(report.unreadable == ["b": #"b.json: the execution "x" is in a.json already; remove one"#])
    try scene.remove("a.json")
    let after = try #require(looks.look())
    #expect(after.left.isEmpty && after.unreadable.isEmpty && after.listed.count == 2)
  }

  @Test func aFileIsNotTakenForTheExecutionOfItsName() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("b"))
    try scene.write("b.json", "{")
    try scene.write("b.yaml", "{")
    let looks = FolderLooks(scene)
    _ = looks.look()
    let report = try #require(looks.look(after: FolderLooks.quiet))
    #expect(Set(report.unreadable.keys) == ["b.json", "b.yaml"])
    #expect(report.listed["b"] != nil)
  }

  @Test(arguments: [
    "", "[]", "null", "{\"a\": 1}", "<html>", "\u{0}", "{\"items\": 3}", "{\"items\": [{}]}", "{\"job_spec\": []}",
    #"{"job_spec": {}}"#, #"{"id": "", "job_spec": {}}"#, #"{"id": 7, "job_spec": {}}"#,
    #"{"items": [{"id": "a", "job_spec": {}}, {"id": "a", "job_spec": {}}]}"#,
    #"{"id": "\#(String(repeating: "i", count: 254))", "job_spec": {}}"#,
    String(repeating: "[", count: 100_000),
  ])
  func whatIsNoDocumentIsUnreadable(_ text: String) throws {
    let scene = try FolderScene()
    try scene.write("a.json", text)
    try scene.write("good.json", FolderScene.execution("good"))
    let looks = FolderLooks(scene)
    #expect(looks.look().map { Set($0.listed.keys) } == ["good"])
    let report = try #require(looks.look(after: FolderLooks.quiet))
    #expect(report.unreadable.keys.sorted() == ["a"])
    #expect(report.unreadable["a"]?.hasPrefix("a.json: ") == true)
    #expect(Set(report.listed.keys) == ["good"])
  }

  @Test func onePageOfAListIsTakenAndEndsNothing() throws {
    let scene = try FolderScene()
    let items = "\(FolderScene.execution("a")), \(FolderScene.execution("b"))"
    try scene.write("list.json", #"{"items": [\#(items)]}"#)
    let looks = FolderLooks(scene)
    #expect(looks.look().map { Set($0.listed.keys) } == ["a", "b"])
    try scene.write("list.json", #"{"items": [\#(FolderScene.execution("a"))], "next_token": "more"}"#)
    let report = try #require(looks.look(after: FolderLooks.quiet))
    #expect(report.left.isEmpty, "what the page lacks may be on another")
    #expect(report.listed["a"] != nil)
    #expect(report.unreadable["list"]?.contains("next_token") == true)
    try scene.write("list.json", #"{"items": [\#(FolderScene.execution("a"))], "next_token": ""}"#)
    #expect(looks.look(after: FolderLooks.quiet)?.left == ["b"])
  }

  @Test func sixteenMebibytesIsTheLargestFile() throws {
    let scene = try FolderScene()
    let document = FolderScene.execution("a")
    let padding = String(repeating: " ", count: ExecutionDocument.maximumBytes - document.utf8.count)
    try scene.write("a.json", document + padding)
    try scene.write("b.json", FolderScene.execution("b") + padding + " ")
    let looks = FolderLooks(scene)
    #expect(looks.look().map { Set($0.listed.keys) } == ["a"])
    #expect(looks.look(after: FolderLooks.quiet)?.unreadable == ["b": "b.json: larger than 16 MiB"])
  }

  @Test func aReasonHoldsNothingOfTheDocument() throws {
    let scene = try FolderScene()
    try scene.write("a.json", #"{"token": "hunter2", "job_spec": hunter2}"#)
    try scene.write("b\u{1b}[2J.yaml", "token: hunter2\n\thunter2: [")
    let looks = FolderLooks(scene)
    _ = looks.look()
    let report = try #require(looks.look(after: FolderLooks.quiet))
    #expect(report.unreadable.count == 2)
    #expect(
      report.unreadable.values.allSatisfy { !$0.contains("hunter2") && !$0.contains("\u{1b}") && !$0.contains("\n") })
  }

  @Test func aNameThatIsNotUTF8IsUnreadable() throws {
    let scene = try FolderScene()
    let name =
      scene.path.utf8.map { CChar(bitPattern: $0) } + [0x2f, CChar(bitPattern: 0xff), 0x2e, 0x79, 0x6d, 0x6c, 0]
    let file = open(name, O_CREAT | O_WRONLY, 0o600)
    #expect(file >= 0)
    close(file)
    let looks = FolderLooks(scene)
    _ = looks.look()
    #expect(looks.look(after: FolderLooks.quiet)?.unreadable.values.first?.contains("not UTF-8") == true)
  }

  // MARK: - The folder itself

  @Test func aFolderThatIsGoneIsAFailureAndNothingLeaves() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("a"))
    let looks = FolderLooks(scene)
    _ = looks.look()
    try FileManager.default.moveItem(atPath: scene.path, toPath: scene.base + "/away")
    let report = try #require(looks.look())
    #expect(report.failure?.contains("does not exist") == true)
    #expect(report.left.isEmpty && report.listed["a"] != nil)
    #expect(looks.look(after: .seconds(2)) == nil)
    #expect(looks.reports.nextLook == looks.now.advanced(by: FolderReports.rescanOfMissingFolder))

    // Made anew, it is empty at first.
    try FileManager.default.createDirectory(atPath: scene.path, withIntermediateDirectories: false)
    #expect(looks.look(after: .seconds(2)) == nil)
    try scene.write("a.json", FolderScene.execution("a"))
    try scene.write("b.json", FolderScene.execution("b"))
    let back = try #require(looks.look(after: FolderLooks.quiet, complete: ["a.json", "b.json"]))
    #expect(back.failure == nil && back.left.isEmpty)
    #expect(Set(back.listed.keys) == ["a", "b"])
    try scene.remove("a.json")
    #expect(looks.look()?.left == ["a"])
  }

  @Test func aFolderThatReturnsIsReported() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("a"))
    try scene.write("b.json", FolderScene.execution("b"))
    let looks = FolderLooks(scene)
    _ = looks.look()
    try FileManager.default.moveItem(atPath: scene.path, toPath: scene.base + "/away")
    #expect(looks.look()?.failure != nil)
    try FileManager.default.moveItem(atPath: scene.base + "/away", toPath: scene.path)
    try scene.remove("b.json")
    #expect(looks.look() == nil)
    let report = try #require(looks.look(after: FolderLooks.quiet))
    #expect(report.failure == nil)
    #expect(report.left == ["b"] && report.listed["a"] != nil)
  }

  @Test func aFolderThatIsMissingFromTheStartIsReadWhenItComes() throws {
    let scene = try FolderScene()
    try FileManager.default.removeItem(atPath: scene.path)
    let looks = FolderLooks(scene)
    #expect(looks.look()?.failure != nil)
    try FileManager.default.createDirectory(atPath: scene.path, withIntermediateDirectories: false)
    try scene.write("a.json", FolderScene.execution("a"))
    _ = looks.look(after: .seconds(2), isWatched: false)
    let report = looks.look(after: FolderLooks.quiet, isWatched: true)
    #expect(report?.listed["a"] != nil)
  }

  @Test func aFileInThePlaceOfTheFolderIsAFailure() throws {
    let scene = try FolderScene()
    try FileManager.default.removeItem(atPath: scene.path)
    try Data().write(to: URL(fileURLWithPath: scene.path))
    let looks = FolderLooks(scene)
    #expect(looks.look()?.failure != nil)
  }

  // MARK: - An earlier life

  @Test func whatAnEarlierLifeKnewLeavesWhenNoFileHasIt() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("a"))
    let looks = FolderLooks(scene, known: ["a", "b"])
    #expect(looks.look()?.left == ["b"])
    #expect(looks.look(after: .seconds(60)) == nil)
  }

  @Test func whatAnEarlierLifeKnewStaysWhileAFileCannotBeRead() throws {
    let scene = try FolderScene()
    try scene.write("a.json", FolderScene.execution("a"))
    try scene.write("b.json", "{")
    let looks = FolderLooks(scene, known: ["a", "b", "c"])
    #expect(looks.look()?.left.isEmpty == true)
    #expect(looks.look(after: FolderLooks.quiet)?.left.isEmpty == true)
    try scene.place("b.json", FolderScene.execution("b"))
    #expect(looks.look(complete: ["b.json"])?.left == ["c"])
  }
}
