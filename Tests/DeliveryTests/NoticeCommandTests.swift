import EventLoop
import Foundation
import Glibc
import Processes
import SecretBytes
import Testing

@testable import Delivery

@Suite(.timeLimit(.minutes(15))) struct NoticeCommandTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func environment(path: String = "/usr/bin:/bin") -> ProcessEnvironment {
    var environment = ProcessEnvironment()
    environment.set("PATH", SecretBytes(path))
    environment.set("TOKEN", SecretBytes("s3cr3t-value"))
    return environment
  }

  private func run(
    _ arguments: [String], timeLimit: Duration = .seconds(60), hiding values: [String] = []
  ) throws -> NoticeOutcome {
    let loop = try EventLoop()
    let environment = environment()
    return loop.run {
      await NoticeRunner(loop: loop).run(
        .command(arguments, timeLimit: timeLimit), environment: environment, hiding: values.map { SecretBytes($0) })
    }
  }

  private func shell(
    _ script: String, timeLimit: Duration = .seconds(60), hiding values: [String] = []
  ) throws -> NoticeOutcome {
    try run(["sh", "-c", script], timeLimit: timeLimit, hiding: values)
  }

  @Test func aCommandRunsToItsEndAndItsOutputIsKept() throws {
    let outcome = try shell("echo one; echo two >&2; echo; echo three")
    #expect(
      outcome == NoticeOutcome(succeeded: true, message: "the command succeeded", output: ["one", "two", "three"]))
  }

  @Test func everyWayToFailHasItsLine() throws {
    #expect(try shell("echo why; exit 3") == .failure("the command failed with status 3", output: ["why"]))
    #expect(try shell("kill -KILL $$") == .failure("the command was ended by SIGKILL"))
    #expect(try shell("kill -SEGV $$") == .failure("the command was ended by SIGSEGV"))
    let missing = try run(["no-such-command", "s3cr3t-argument"])
    #expect(!missing.succeeded)
    #expect(missing.message.contains("no such command"))
    #expect(missing.message.contains("no-such-command"))
    #expect(!missing.message.contains("s3cr3t-argument"))
    #expect(try run([folder.root]).message.contains("the command cannot be run"))
    #expect(try run([]).message.contains("there is no command"))
    #expect(try run(["true", "a\0b"]).message == "the command cannot be started: an argument holds a NUL")
  }

  @Test func thereIsNoShellButTheOneThatIsAskedFor() throws {
    #expect(try run(["echo", "$TOKEN; echo *", "`id`"]).output == ["$TOKEN; echo * `id`"])
  }

  @Test func theCommandReadsNothingAndHasNoOtherDescriptor() throws {
    #expect(try run(["cat"]).succeeded)
    // The listing's own descriptor is 3.
    #expect(try run(["ls", "/proc/self/fd"]).output == ["0", "1", "2", "3"])
  }

  @Test func theCommandLeadsItsOwnProcessGroup() throws {
    let output = try shell("echo $$; cut -d' ' -f5 /proc/$$/stat").output
    #expect(output.count == 2)
    #expect(output.first == output.last)
    #expect(output.first != "\(getpgrp())")
  }

  // MARK: - Ending

  @Test func atTheTimeLimitTheWholeGroupIsAskedToEnd() throws {
    let outcome = try shell(
      "sleep 600 & echo $!; trap 'echo asked; exit 0' TERM; wait", timeLimit: .milliseconds(200))
    #expect(!outcome.succeeded)
    #expect(outcome.message == "the command took longer than 0.2 seconds and was ended")
    if let child = outcome.output.first.flatMap({ pid_t($0) }) {
      #expect(hasEnded(child))
    }
  }

  @Test func whoDoesNotListenIsMadeToEnd() throws {
    let outcome = try shell("trap '' TERM; while :; do sleep 1; done", timeLimit: .milliseconds(100))
    #expect(outcome.message == "the command took longer than 0.1 seconds and was ended")
  }

  @Test func aCancelledTaskEndsItsCommand() throws {
    let loop = try EventLoop()
    let environment = environment()
    let started = folder.path("started")
    let outcome = loop.run {
      let task = Task(executorPreference: loop) {
        await NoticeRunner(loop: loop).run(
          .command(["sh", "-c", "echo $$ > \(started); exec sleep 600"], timeLimit: .seconds(600)),
          environment: environment, hiding: [])
      }
      while access(started, F_OK) != 0 {
        try? await loop.sleep(for: .milliseconds(1))
      }
      task.cancel()
      return await task.value
    }
    #expect(outcome == .failure("the command was ended, since the agent no longer waits for it"))
  }

  @Test func whatTheCommandLeavesRunningIsNotWaitedFor() throws {
    let outcome = try shell("sleep 600 & echo $!")
    #expect(outcome.succeeded)
    let left = try #require(outcome.output.first.flatMap { pid_t($0) })
    #expect(kill(left, SIGKILL) == 0)
  }

  @Test func onlyItsOwnProcessIsReaped() throws {
    let other = Process()
    other.executableURL = URL(fileURLWithPath: "/bin/sh")
    other.arguments = ["-c", "exit 42"]
    try other.run()
    for _ in 0..<5 {
      #expect(try shell("exit 0").succeeded)
    }
    other.waitUntilExit()
    #expect(other.terminationStatus == 42)
  }

  @Test func commandsRunBesideEachOther() throws {
    let loop = try EventLoop()
    let environment = environment()
    let first = folder.path("first")
    let second = folder.path("second")
    mkfifo(first, 0o600)
    mkfifo(second, 0o600)
    // Each waits for the other.
    let succeeded = loop.run {
      let runner = NoticeRunner(loop: loop)
      async let one = runner.run(
        .command(["sh", "-c", "echo > \(first); read a < \(second)"], timeLimit: .seconds(60)),
        environment: environment,
        hiding: [])
      async let two = runner.run(
        .command(["sh", "-c", "read a < \(first); echo > \(second)"], timeLimit: .seconds(60)),
        environment: environment,
        hiding: [])
      return await [one.succeeded, two.succeeded]
    }
    #expect(succeeded == [true, true])
  }

  @Test func noDescriptorIsLeftBehind() throws {
    let loop = try EventLoop()
    let environment = environment()
    let ends = loop.run {
      var counts: [Int] = []
      for _ in 0..<200 {
        _ = await NoticeRunner(loop: loop).run(
          .command(["true"], timeLimit: .seconds(60)), environment: environment, hiding: [])
        _ = await NoticeRunner(loop: loop).run(
          .command(["no-such-command"], timeLimit: .seconds(60)), environment: environment, hiding: [])
        counts.append((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0)
      }
      return counts
    }
    // Other tests open files too, but not one for each of these.
    #expect((ends.last ?? 0) - (ends.first ?? 0) < 150)
  }

  // MARK: - Output

  @Test func valuesAreTakenOutOfTheOutput() throws {
    let value = "s3cr3t-value"
    let outcome = try shell(
      "echo \"a $TOKEN b$TOKEN\"; printf %s \"$TOKEN\" | base64; printf 'user:%s' \"$TOKEN\" | base64; echo $TOKEN >&2",
      hiding: [value])
    #expect(outcome.output.count == 4)
    #expect(outcome.output[0] == "a <redacted> b<redacted>")
    #expect(outcome.output[1] == "<redacted>")
    #expect(outcome.output[2].hasSuffix("<redacted>"))
    #expect(outcome.output[3] == "<redacted>")
  }

  @Test func theOutputIsBounded() throws {
    let outcome = try shell("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done")
    #expect(outcome.output.count == 100)
    #expect(outcome.output.last == "line 99")
    let long = try run(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' a"])
    #expect(long.output == [String(repeating: "a", count: 500)])
    #expect(long.succeeded)
    let wide = try run([
      "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do printf '%s' ääääääääääääääääääääääääääääääääääääääää; done",
    ])
    #expect(wide.output.first?.utf8.count == 500)
  }

  @Test func linesCarryNoControlCharactersAndAreAlwaysText() throws {
    #expect(try shell("printf 'a\\033[31mb\\000c\\td\\377\\n'").output == ["a?[31mb?c\td\u{fffd}"])
  }

  // MARK: - Units

  @Test func aUnitIsReloadedBySystemctl() throws {
    let bin = try folder.makeFolder("bin")
    try "#!/bin/sh\necho \"$@\"\n".write(toFile: bin + "/source", atomically: true, encoding: .utf8)
    // Another process writes it: what this one has open to write, a child that another test starts at that time has too, and
    // then it does not run (ETXTBSY).
    #expect(try shell("cd \(bin) && install -m 755 source systemctl").succeeded)
    let loop = try EventLoop()
    let environment = environment(path: bin + ":/usr/bin:/bin")
    let outcome = loop.run {
      await NoticeRunner(loop: loop).run(.unitReload("web@a-b.service"), environment: environment, hiding: [])
    }
    #expect(outcome.output == ["reload-or-restart -- web@a-b.service"])
    let stopped = loop.run {
      await NoticeRunner(loop: loop).run(.unitStop("web@a-b.service"), environment: environment, hiding: [])
    }
    #expect(stopped.output == ["stop -- web@a-b.service"])
    for name in ["", "a b", "a;b", "a\n", "ä", "a/b", String(repeating: "a", count: 256)] {
      let refused = loop.run {
        await NoticeRunner(loop: loop).run(.unitReload(name), environment: environment, hiding: [])
      }
      #expect(refused == .failure("the notice's unit is no name of a systemd unit"))
    }
  }

  /// Whether the process is gone, or waits to be reaped by whoever inherited it.
  private func hasEnded(_ pid: pid_t) -> Bool {
    for _ in 0..<100_000 {
      guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8), !stat.contains(") Z ") else {
        return true
      }
      sched_yield()
    }
    return false
  }
}
