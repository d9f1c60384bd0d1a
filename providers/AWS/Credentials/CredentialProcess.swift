import AWSSigning
import ExecutionModel
import JSONReader
import Processes
import ProviderKit
import SecretBytes
import Text

/// A profile's `credential_process`: a command that prints credentials
/// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html).
///
/// Only the node's owner writes the shared files, and a document can at most name a profile, so who lets the files be read lets
/// their command be run.
struct CredentialProcess: Sendable {
  private static let seconds = 30
  private static let outputLimit = 64 * 1024

  let context: AWSContext

  func resolve(_ command: String, profile: String) async throws(ProviderFailure) -> ResolvedCredentials {
    let name = ShownText.clean(profile)
    func fault(_ kind: ProviderFailure.Class, _ message: String, hint: String? = nil) -> ProviderFailure {
      context.connection.failures.make(kind, "credential_process of profile \(name) \(message)", hint: hint)
    }
    guard let arguments = ShellWords.split(command), !arguments.isEmpty else {
      throw fault(.denied, "is not a command line")
    }
    let output: SecretBytes
    do throws(Fault) {
      output = try await self.output(of: arguments)
    } catch {
      throw fault(error.kind, error.message, hint: "run the command by hand")
    }
    do throws(AnswerFault) {
      return ResolvedCredentials(credentials: try Self.credentials(output), source: "process of profile \(name)")
    } catch {
      throw fault(.malformed, "printed \(error.message)")
    }
  }

  private struct Fault: Error {
    var kind = ProviderFailure.Class.denied
    let message: String
  }

  private func output(of arguments: [String]) async throws(Fault) -> SecretBytes {
    let services = context.connection.services
    guard let loop = services.executor else {
      throw Fault(message: "could not be run: nothing here watches processes")
    }
    let command = CapturedCommand(
      arguments, environment: .inherited(), output: .answer(atMost: Self.outputLimit), timeLimit: .seconds(Self.seconds)
    )
    let outcome: CapturedCommand.Outcome
    do throws(SpawnFault) {
      outcome = try await command.run(on: loop, time: services.time)
    } catch {
      throw Fault(message: error.isNoProgram ? "is not an executable file" : "could not be run (error \(error.code))")
    }
    switch outcome.ending {
    case .byItself(.exited(0)): return outcome.output
    case .byItself(.exited(let status)): throw Fault(message: "ended with status \(status)")
    case .byItself(.signalled(let signal)): throw Fault(message: "was ended by signal \(signal)")
    case .byItself(.unknown): throw Fault(message: "ended, but its status is not known")
    case .timeLimit: throw Fault(kind: .transient, message: "took longer than \(Self.seconds) seconds")
    case .outputLimit: throw Fault(message: "printed more than \(Self.outputLimit / 1024) KiB")
    case .cancelled: throw Fault(kind: .transient, message: "was ended: the time limit was reached")
    }
  }

  private static func credentials(_ output: SecretBytes) throws(AnswerFault) -> AWSCredentials {
    guard let json = try? JSONValue.parse(output, limits: .payload) else {
      throw AnswerFault(message: "what is not JSON")
    }
    guard json.member("Version")?.int64 == 1 else {
      throw AnswerFault(message: "another Version than 1")
    }
    return try AWSCredentials(json: json, token: "SessionToken")
  }
}
