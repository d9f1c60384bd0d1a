import ArgumentParser
import Delivery
import Glibc
import ProviderFakes
import SecretBytes

struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs a command with the fakes about it, and exits as the command did.",
    discussion: """
      The fakes listen on the ports that config/examples name, unless told otherwise, and what a document does not name \
      (Azure's authority, Google's endpoints and key file; VAULT_ADDR and AWS_ENDPOINT_URL too) is in the command's environment.

      EXAMPLES
        secrets-agent-fakes run -- secrets-agent resolve config/examples/multicloud.yaml --output web.env
        secrets-agent-fakes run -- sh
      """)

  @OptionGroup var options: FakesOptions

  @Argument(parsing: .postTerminator, help: "The command and its arguments.")
  var command: [String]

  func validate() throws {
    guard !command.isEmpty else {
      throw ValidationError("name a command after --")
    }
  }

  func run() async throws {
    let fakes = try await RunningFakes(options, ports: FakesOptions.examplePorts)
    var environment = ProcessEnvironment.inherited()
    for (name, value) in fakes.environment {
      environment.set(name, SecretBytes(value))
    }
    // SIGINT and SIGQUIT reach the command by way of the terminal; it decides what they mean.
    let signals = Signals.watched([SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT])
    let status: Int32
    do throws(SpawnFault) {
      status = await Self.ending(of: try ChildProcess.spawn(command, environment: environment), signals)
    } catch {
      var line = "error: \(error)\n"
      _ = line.withUTF8 { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      status = error.exitStatus
    }
    await fakes.stop()
    throw ExitCode(status)
  }

  /// Waits for the command, passing on what asks it to end.
  private static func ending(of child: consuming ChildProcess, _ signals: AsyncStream<Int32>) async -> Int32 {
    var child = child
    if let ended = child.reap() {
      return ended.shellStatus
    }
    for await number in signals {
      if number == SIGTERM || number == SIGHUP {
        child.signal(number)
      }
      if let ended = child.reap() {
        return ended.shellStatus
      }
    }
    return 1
  }
}
