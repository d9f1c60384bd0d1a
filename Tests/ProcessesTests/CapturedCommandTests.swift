import EventLoop
import Foundation
import SecretBytes
import TestSupport
import Testing

@testable import Processes

@Suite(.timeLimit(.minutes(15))) struct CapturedCommandTests {
  private let folder: ScratchFolder
  private let loop: EventLoop

  init() throws {
    folder = try ScratchFolder()
    loop = try EventLoop()
  }

  private static var environment: ProcessEnvironment {
    var environment = ProcessEnvironment()
    environment.set("PATH", SecretBytes("/usr/bin:/bin"))
    return environment
  }

  private func run(
    _ arguments: [String], _ output: CapturedCommand.Output = .answer(atMost: 1000)
  ) throws -> CapturedCommand.Outcome {
    let command = CapturedCommand(arguments, environment: Self.environment, output: output, timeLimit: .seconds(200))
    return try loop.run { [loop] () async -> Result<CapturedCommand.Outcome, SpawnFault> in
      do throws(SpawnFault) {
        return .success(try await command.run(on: loop, time: loop))
      } catch {
        return .failure(error)
      }
    }.get()
  }

  private func shell(
    _ script: String, _ output: CapturedCommand.Output = .answer(atMost: 1000)
  ) throws -> CapturedCommand.Outcome {
    try run(["sh", "-c", script], output)
  }

  // MARK: - Output

  @Test func anAnswerIsStandardOutputAlone() throws {
    let outcome = try shell("echo one; echo no >&2; printf two; exit 3")
    #expect(outcome.ending == .byItself(.exited(3)))
    #expect(outcome.output == SecretBytes("one\ntwo"))
    #expect(!outcome.isCut)
    #expect(try shell("echo one; echo two >&2", .beginning(bytes: 1000)).output == SecretBytes("one\ntwo\n"))
  }

  @Test func whatItIsGivenToReadIsItsStandardInput() throws {
    func read(_ input: SecretBytes?) throws -> CapturedCommand.Outcome {
      let command = CapturedCommand(
        ["cat"], environment: Self.environment, input: input, output: .answer(atMost: 10_000), timeLimit: .seconds(200))
      return try loop.run { [loop] () async -> Result<CapturedCommand.Outcome, SpawnFault> in
        do throws(SpawnFault) {
          return .success(try await command.run(on: loop, time: loop))
        } catch {
          return .failure(error)
        }
      }.get()
    }
    let longest = SecretBytes(repeatElement(0x61, count: CapturedCommand.longestInput))
    for input in [SecretBytes("a\u{0}b"), SecretBytes(), longest] {
      #expect(try read(input).output == input)
    }
    #expect(try read(nil).output.isEmpty)
    #expect(throws: SpawnFault.self) {
      try read(SecretBytes(repeatElement(0x61, count: CapturedCommand.longestInput + 1)))
    }
  }

  @Test func theAnswerEndsWithItsProcessThoughAGrandchildHoldsThePipe() throws {
    let outcome = try shell("sleep 600 & echo $!; exit 0")
    #expect(outcome.ending == .byItself(.exited(0)))
    let left = try #require(pid_t(outcome.output.unsafeString()?.dropLast() ?? ""))
    #expect(kill(left, SIGKILL) == 0, "what it left running is not ended either")
  }

  @Test func aGrandchildThatNeverStopsWritingHoldsNothingUp() throws {
    let outcome = try shell("yes & echo $! >&2; exit 0", .beginning(bytes: 100))
    #expect(outcome.ending == .byItself(.exited(0)))
    #expect(outcome.output.count <= 100)
  }

  @Test func allThatIsInThePipeIsRead() throws {
    let outcome = try shell("head -c 60000 /dev/zero", .answer(atMost: 60000))
    #expect(outcome.ending == .byItself(.exited(0)))
    #expect(outcome.output.count == 60000)
  }

  @Test func anAnswerBeyondTheLimitEndsTheCommand() throws {
    let endless = try shell("exec yes")
    #expect(endless.ending == .outputLimit)
    #expect(endless.output.count == 1000)
    // Also where it has ended before anybody read.
    #expect(try shell("head -c 1001 /dev/zero").ending == .outputLimit)
    #expect(try shell("head -c 1000 /dev/zero").ending == .byItself(.exited(0)))
  }

  @Test func whatIsBeyondABeginningIsReadOver() throws {
    let outcome = try shell("head -c 3000000 /dev/zero; exit 3", .beginning(bytes: 1000))
    #expect(outcome.ending == .byItself(.exited(3)))
    #expect(outcome.output.count == 1000)
    #expect(outcome.isCut)
  }

  // MARK: - Surroundings

  @Test func ourDescriptorsAreNotInherited() throws {
    let held = open("/dev/null", O_RDONLY)
    defer { close(held) }
    #expect(fcntl(held, F_GETFD) == 0, "exec does not close it by itself")
    // The listing's own descriptor is 3.
    #expect(try run(["ls", "/proc/self/fd"]).output == SecretBytes("0\n1\n2\n3\n"))
    #expect(try run(["cat"]).ending == .byItself(.exited(0)), "there is nothing to read")
  }

  @Test func whatCannotRunSaysWhy() throws {
    let missing = try #require(throws: SpawnFault.self) { try run(["no-such-command", "argument"]) }
    #expect(missing.description.hasPrefix("no-such-command: no such command"))
    let plain = try folder.write("text", as: "plain")
    let forbidden = try #require(throws: SpawnFault.self) { try run([plain]) }
    #expect(forbidden.code == EACCES)
    #expect(missing.isNoProgram && forbidden.isNoProgram)
  }

  // MARK: - Limits

  @Test func whoIgnoresTheRequestToEndIsKilledAfterItsGrace() throws {
    let ready = folder.file("ready").path
    let command = CapturedCommand(
      ["sh", "-c", "trap '' TERM; echo $$; : > \(ready); while :; do sleep 0.05; done"], environment: Self.environment,
      output: .answer(atMost: 1000), timeLimit: .seconds(30), grace: .seconds(5))
    let outcome = loop.run { [loop] in
      let time = ManualTime()
      let running = Task(executorPreference: loop) { try await command.run(on: loop, time: time) }
      while access(ready, F_OK) != 0 {
        try? await loop.sleep(for: .milliseconds(1))
      }
      time.advance(by: .seconds(30))
      await time.sleepers(1)
      // Long enough for who would heed it.
      try? await loop.sleep(for: .milliseconds(200))
      time.advance(by: .milliseconds(4999))
      // Hangs, and so fails, where it has ended by now.
      await time.sleepers(1)
      time.advance(by: .milliseconds(1))
      return await running.result
    }
    #expect(try outcome.get().ending == .timeLimit)
    let pid = try #require(pid_t(try outcome.get().output.unsafeString()?.dropLast() ?? ""))
    #expect(kill(pid, 0) == -1)
  }

  @Test func whoHeedsItEndsAtOnceAndIsHeard() throws {
    let ready = folder.file("ready").path
    let command = CapturedCommand(
      ["sh", "-c", "trap 'echo asked; exit 0' TERM; : > \(ready); while :; do sleep 0.05; done"],
      environment: Self.environment, output: .answer(atMost: 1000), timeLimit: .seconds(600))
    let outcome = loop.run { [loop] in
      let running = Task(executorPreference: loop) { try await command.run(on: loop, time: ManualTime()) }
      while access(ready, F_OK) != 0 {
        try? await loop.sleep(for: .milliseconds(1))
      }
      running.cancel()
      return await running.result
    }
    #expect(try outcome.get().ending == .cancelled)
    #expect(try outcome.get().output == SecretBytes("asked\n"))
  }
}
