import ArgumentParser
import Dispatch
import EventLoop
import Glibc
import Processes
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
    let signals = Signals.watched([SIGTERM, SIGHUP, SIGINT, SIGQUIT])
    let status: Int32
    do {
      status = try await Self.ending(of: command, environment, signals).get().shellStatus
    } catch let fault as SpawnFault {
      var line = "error: \(fault)\n"
      _ = line.withUTF8 { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      status = fault.exitStatus
    }
    await fakes.stop()
    throw ExitCode(status)
  }

  /// Runs the command, passing on what asks it to end. Its loop has a thread of its own: tasks of the fakes need theirs.
  private static func ending(
    of command: [String], _ environment: ProcessEnvironment, _ signals: AsyncStream<Int32>
  ) async throws -> Result<ChildStatus, SpawnFault> {
    let loop = try EventLoop()
    return await withCheckedContinuation { done in
      DispatchQueue(label: "command").async {
        let ending = loop.run { () async -> Result<ChildStatus, SpawnFault> in
          do throws(SpawnFault) {
            let child = try ChildProcess.start(command, environment: environment, on: loop)
            Task {
              for await number in signals where number == SIGTERM || number == SIGHUP {
                child.signal(number)
              }
            }
            return .success(await child.ended())
          } catch {
            return .failure(error)
          }
        }
        done.resume(returning: ending)
      }
    }
  }
}
