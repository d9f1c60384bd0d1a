import EventLoop
import ExecutionModel
import FileProvider
import Foundation
import Glibc
import NodePolicy
import TestSupport
import Testing

@testable import AgentDaemon

/// A folder whose files are watched on a real loop.
private final class WatchScene: Sendable {
  let loop: EventLoop
  let path: String
  private let watch: ServedFileWatch
  private let connection: ProviderConnection
  private let changes: AsyncStream<Reference>

  init() throws {
    loop = try EventLoop()
    path = NSTemporaryDirectory() + "secrets-agent-watch-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: path + "/apart", withIntermediateDirectories: false)
    connection = try .testing(#"{"provider": "file"}"#, by: FileProvider.descriptor)
    let (stream, told) = AsyncStream.makeStream(of: Reference.self)
    changes = stream
    watch = try #require(ServedFileWatch(loop: loop) { told.yield($0) })
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func reference(_ name: String) -> Reference { connection.reference(["path": path + "/" + name]) }

  /// - Parameter policy: `nil`: all files may be served.
  func follow(_ names: String..., under policy: NodePolicy = .personal) {
    watch.follow(Set((names + ["apart/end", "apart/after"]).map(reference)), NodeFiles(policy: policy))
  }

  func write(_ name: String, _ text: String = "x") throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
  }

  /// Makes the changes; what was told of them.
  func told(_ change: @escaping @Sendable () throws -> Void) throws -> Set<String> {
    let outcome: Result<Set<String>, any Error> = loop.run {
      do {
        try change()
        // What is told together comes in no order: all of it came when something is told that happened after the last of it.
        try self.write("apart/end")
        var names = await self.told(before: "apart/end")
        try self.write("apart/after")
        names.formUnion(await self.told(before: "apart/after"))
        return .success(names.subtracting(["apart/end"]))
      } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }

  private func told(before last: String) async -> Set<String> {
    var names: Set<String> = []
    for await reference in changes {
      let name = String((reference.lookup.servedFile ?? "").dropFirst(path.utf8.count + 1))
      guard name != last else { break }
      names.insert(name)
    }
    return names
  }
}

@Suite(.timeLimit(.minutes(15))) struct ServedFileWatchTests {
  @Test func aFileThatIsWrittenReplacedOrRemovedIsTold() throws {
    let scene = try WatchScene()
    try scene.write("a")
    try scene.write("aside")
    scene.follow("a", "b")
    #expect(try scene.told { try scene.write("a", "new") } == ["a"])
    #expect(try scene.told { rename(scene.path + "/aside", scene.path + "/b") } == ["b"])
    #expect(try scene.told { unlink(scene.path + "/b") } == ["b"])
    #expect(try scene.told { try scene.write("other") } == [])
  }

  @Test func theSwapOfAProjectedVolumeConcernsAllOfItsFiles() throws {
    let scene = try WatchScene()
    try FileManager.default.createDirectory(atPath: scene.path + "/..1", withIntermediateDirectories: true)
    scene.follow("a", "b")
    let told = try scene.told {
      symlink("..1", scene.path + "/..data_tmp")
      rename(scene.path + "/..data_tmp", scene.path + "/..data")
    }
    #expect(told == ["a", "b"])
  }

  @Test func whatIsNoLongerFollowedIsNotTold() throws {
    let scene = try WatchScene()
    try FileManager.default.createDirectory(atPath: scene.path + "/sub", withIntermediateDirectories: true)
    scene.follow("a", "sub/b")
    #expect(try scene.told { try scene.write("sub/b") } == ["sub/b"])
    scene.follow("a")
    #expect(try scene.told { try scene.write("sub/b") } == [])
  }

  @Test func aFolderThatIsGoneIsToldAndWatchedAgainWhenItReturns() throws {
    let scene = try WatchScene()
    let sub = scene.path + "/sub"
    try FileManager.default.createDirectory(atPath: sub, withIntermediateDirectories: true)
    try scene.write("sub/b")
    scene.follow("sub/b")
    // The end of one folder and the news of another come in no order.
    _ = try scene.told { try FileManager.default.removeItem(atPath: sub) }
    _ = try scene.told {}
    try FileManager.default.createDirectory(atPath: sub, withIntermediateDirectories: true)
    scene.follow("sub/b")
    #expect(try scene.told { try scene.write("sub/b") } == ["sub/b"])
  }

  @Test func aLinkOutOfTheAllowedFoldersIsNotFollowed() throws {
    let scene = try WatchScene()
    try FileManager.default.createDirectory(atPath: scene.path + "/outside", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: scene.path + "/in", withIntermediateDirectories: true)
    symlink("../outside", scene.path + "/in/link")
    symlink(".", scene.path + "/in/self")
    var policy = NodePolicy.personal
    policy.fileRoots = .beneath([scene.path + "/in", scene.path + "/apart"])
    scene.follow("in/link/a", "in/self/b", "outside/c", under: policy)
    #expect(try scene.told { try scene.write("outside/a") } == [])
    #expect(try scene.told { try scene.write("outside/c") } == [])
    #expect(try scene.told { try scene.write("in/b") } == ["in/self/b"])
  }

  @Test func aMissingFolderIsNoFault() throws {
    let scene = try WatchScene()
    scene.follow("none/b")
    #expect(try scene.told {} == [])
  }
}
