import AgentDaemon
import Foundation
import Glibc
import Testing

struct ServiceStateFolderTests {
  private func fault(_ folder: String) -> StateFolderFault? {
    do throws(StateFolderFault) {
      _ = try StateFolderLock(folder: folder)
      return nil
    } catch {
      return error
    }
  }

  @Test func oneInstanceHasTheFolderUntilItEnds() throws {
    let folder = ShortFolder()
    do {
      let lock = try StateFolderLock(folder: folder.root)
      #expect(try String(contentsOfFile: folder.path("lock"), encoding: .utf8) == "\(getpid())\n")
      let refused = try #require(fault(folder.root))
      #expect(refused.description.contains("an agent (process \(getpid())) runs with this state folder"))
      // Still held: the refused one did not give it up.
      #expect(fault(folder.root) != nil)
      _ = consume lock
    }
    #expect(fault(folder.root) == nil)
  }

  @Test func whatAnInstanceLeftBehindIsNoHindrance() throws {
    let folder = ShortFolder()
    try Data("123456789012345678901234567890 rubbish".utf8).write(to: URL(fileURLWithPath: folder.path("lock")))
    let lock = try StateFolderLock(folder: folder.root)
    #expect(try String(contentsOfFile: folder.path("lock"), encoding: .utf8) == "\(getpid())\n")
    _ = consume lock
  }

  @Test func aHolderWithoutANumberIsNamedSo() throws {
    let folder = ShortFolder()
    let lock = try StateFolderLock(folder: folder.root)
    truncate(folder.path("lock"), 0)
    #expect(fault(folder.root)?.description.contains("an agent (another process) runs") == true)
    _ = consume lock
  }

  @Test func theLockIsNotInherited() throws {
    let folder = ShortFolder()
    let process = Process()
    do {
      let lock = try StateFolderLock(folder: folder.root)
      process.executableURL = URL(fileURLWithPath: "/bin/sleep")
      process.arguments = ["60"]
      try process.run()
      _ = consume lock
    }
    #expect(fault(folder.root) == nil)
    // Not SIGTERM: the child has the signal mask of this thread.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  @Test func placesThatCannotHoldALockAreRefused() throws {
    let folder = ShortFolder()
    #expect(fault(folder.path("none"))?.remedy == "create the state folder first")
    symlink("elsewhere", folder.path("lock"))
    #expect(fault(folder.root)?.remedy == "remove the symbolic link")
    unlink(folder.path("lock"))
    mkfifo(folder.path("lock"), 0o600)
    #expect(fault(folder.root)?.problem == "is no regular file")
  }
}
