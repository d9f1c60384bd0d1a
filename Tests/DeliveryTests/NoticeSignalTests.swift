import EventLoop
import Foundation
import Glibc
import Processes
import SecretBytes
import Testing

@testable import Delivery

@Suite(.timeLimit(.minutes(15))) struct NoticeSignalTests {
  private let folder: TemporaryFolder
  private let loop: EventLoop

  init() throws {
    folder = try TemporaryFolder()
    loop = try EventLoop()
  }

  private func give(_ notice: ChangeNotice) throws -> NoticeOutcome {
    loop.run { [loop] in await NoticeRunner(loop: loop).run(notice, environment: ProcessEnvironment(), hiding: []) }
  }

  /// A process that ends by the first signal.
  private func sleeper() throws -> ChildProcess {
    try ChildProcess.start(["/bin/sleep", "600"], environment: ProcessEnvironment(), on: loop)
  }

  private func end(of child: ChildProcess) -> ChildStatus { loop.run { await child.ended() } }

  @Test func aSignalReachesItsProcess() throws {
    let process = try sleeper()
    let pid = process.pid
    let outcome = try give(.signal(SIGUSR1, pid: pid))
    #expect(
      outcome == NoticeOutcome(succeeded: true, message: "SIGUSR1 sent to process \(pid)"))
    let status = end(of: process)
    #expect(status == .signalled(SIGUSR1))
  }

  @Test func aPidFileIsReadAnewEachTime() throws {
    let path = folder.path("pid")
    for text in ["%d", "%d\n", "%d \r\n"] {
      let process = try sleeper()
      let pid = process.pid
      try text.replacingOccurrences(of: "%d", with: "\(pid)")
        .write(toFile: path, atomically: true, encoding: .utf8)
      let outcome = try give(.signalFile(SIGHUP, pidFile: path))
      #expect(outcome.succeeded, "\(outcome.message)")
      #expect(outcome.message == "SIGHUP sent to process \(pid), by \(path)")
      let status = end(of: process)
      #expect(status == .signalled(SIGHUP))
    }
  }

  @Test(arguments: ["run/../pid", "../pid", "..", "run/sub/../../pid"])
  func aPidFileOutsideItsFolderIsRefused(path: String) throws {
    let process = try sleeper()
    try "\(process.pid)".write(toFile: folder.path("pid"), atomically: true, encoding: .utf8)
    let outcome = try give(.signalFile(SIGHUP, pidFile: folder.path(path)))
    #expect(!outcome.succeeded && outcome.message.contains("'..'"), "\(outcome.message)")
    process.signal(SIGTERM)
    #expect(end(of: process) == .signalled(SIGTERM))
  }

  @Test func aProcessThatHasGoneIsAFailureThatSaysSo() throws {
    let process = try sleeper()
    let pid = process.pid
    process.signal(SIGTERM)
    _ = end(of: process)
    let outcome = try give(.signal(SIGHUP, pid: pid))
    #expect(!outcome.succeeded)
    #expect(outcome.message == "there is no process \(pid) to send SIGHUP to")
  }

  @Test(arguments: [
    "", "\n", "0", "1", "-5", "+5", " 5", "5 6", "5x", "0x5", "five", "99999999999", "5\0", "\u{ff15}",
    String(repeating: "0", count: 100) + "5",
  ])
  func aPidFileWithAnythingElseIsRefused(_ text: String) throws {
    let path = folder.path("pid")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let outcome = try give(.signalFile(SIGHUP, pidFile: path))
    #expect(!outcome.succeeded)
    #expect(
      outcome.message.hasSuffix("it does not hold a process number over 1, and nothing else"), "\(outcome.message)")
  }

  @Test func whatIsNoRegularFileIsRefusedWithoutWaiting() throws {
    #expect(try give(.signalFile(SIGHUP, pidFile: folder.path("none"))).message.hasSuffix("does the workload run?"))
    #expect(try give(.signalFile(SIGHUP, pidFile: folder.root)).message.hasSuffix("it is no regular file"))
    mkfifo(folder.path("fifo"), 0o600)
    #expect(try give(.signalFile(SIGHUP, pidFile: folder.path("fifo"))).message.hasSuffix("it is no regular file"))
    symlink("pid", folder.path("link"))
    #expect(try give(.signalFile(SIGHUP, pidFile: folder.path("link"))).message.hasSuffix("which is not followed"))
  }

  @Test func someProcessesAndSignalsAreNeverMeant() throws {
    for pid in [0, 1, -1, -7, pid_t.min] {
      #expect(try give(.signal(SIGHUP, pid: pid)).message == "\(pid) is no process that a signal is sent to")
    }
    #expect(try give(.signal(SIGHUP, pid: getpid())).message.contains("is the agent itself"))
    for number in [0, -1, 65, Int32.max] {
      #expect(try give(.signal(number, pid: 12345)).message == "\(number) is no signal")
    }
  }
}
