import EventLoop
import ProviderKit
import TestSupport
import Testing

@testable import AWSProvider

/// A profile's `credential_process`.
@Suite struct CredentialProcessTests {
  private let scene: CredentialScene
  private let loop: EventLoop

  init() throws {
    loop = try EventLoop()
    // A command takes real time, and would be out of it at once where sleeps are skipped.
    scene = try CredentialScene(time: ManualTime())
    scene.loop = loop
  }

  /// The failure's line; empty where there is none.
  private func line(_ command: String, meanwhile: @escaping @Sendable () async -> Void = {}) throws -> String {
    try scene.write(".aws/config", "[profile x]\ncredential_process = \(command)\n")
    let session = try scene.session(#", "profile": "x""#)
    return loop.run { [loop] in
      let other = Task(executorPreference: loop) { await meanwhile() }
      defer { other.cancel() }
      do throws(ProviderFailure) {
        _ = try await session.current()
        return ""
      } catch {
        return error.line
      }
    }
  }

  @Test(arguments: [
    ("'x", "is not a command line"),
    ("/no/such", "is not an executable file"),
    ("/bin/sh -c 'exit 3'", "ended with status 3"),
    ("/bin/sh -c 'kill -9 $$'", "was ended by signal 9"),
    ("/bin/echo x", "printed what is not JSON"),
    ("/bin/echo {}", "another Version"),
    (#"/bin/echo '{"Version": 1}'"#, "printed no AccessKeyId"),
    ("/usr/bin/head -c 100000 /dev/zero", "printed more than 64 KiB"),
  ])
  func saysWhatIsWrongWithACommand(command: String, expected: String) throws {
    let line = try line(command)
    #expect(line.contains(expected), "\(line)")
  }

  @Test func takesWhatItPrints() throws {
    let keys = #"{"Version": 1, "AccessKeyId": "AK", "SecretAccessKey": "s"}"#
    #expect(try line("/bin/echo '\(keys)'") == "")
    #expect(
      try line("/bin/sh -c 'sleep 600 & echo \"$0\"' '\(keys)'") == "", "whoever holds the pipe is not waited for")
  }

  @Test func endsACommandThatTakesTooLong() throws {
    let line = try line("/bin/sh -c 'sleep 600 & wait'") { [time = scene.time] in
      await time.sleepers(1)
      time.advance(by: .seconds(30))
    }
    #expect(line.contains("took longer than 30 seconds"), "\(line)")
  }
}
