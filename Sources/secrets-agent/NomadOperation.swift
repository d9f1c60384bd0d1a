import ArgumentParser
import Glibc

/// What Nomad starts a plugin for, which it says in the environment too: there its answer is one JSON, whatever the arguments are.
enum NomadOperation: String {
  case fingerprint
  case fetch

  static var current: NomadOperation? {
    getenv("CPI_OPERATION").flatMap { NomadOperation(rawValue: String(cString: $0)) }
  }

  /// Runs `secrets-agent nomad …` where Nomad started it.
  ///
  /// - Parameter arguments: the process's, its own name aside.
  /// - Returns: where the process is none of Nomad's.
  static func run(_ arguments: [String]) {
    guard arguments.first == "nomad", let operation = current else {
      return
    }
    do {
      var command = try SecretsAgent.parseAsRoot(arguments)
      guard command is NomadFetchCommand || command is NomadFingerprintCommand else {
        throw CleanExit.helpRequest()
      }
      try command.run()
      SecretsAgent.exit()
    } catch {
      operation.fail(error)
    }
  }

  /// Standard error of a fetch is dropped, and a status that is not 0 hides its answer.
  private func fail(_ error: any Error) -> Never {
    if error is ExitCode {
      SecretsAgent.exit(withError: error)
    }
    // Nobody reads help here.
    let reason =
      SecretsAgent.exitCode(for: error).isSuccess
      ? "expected nomad \(rawValue), which Nomad's client adds to the words of the plugin's script"
      : SecretsAgent.message(for: error).split(separator: "\n").first ?? "no answer"
    try? NomadAnswer.print(NomadAnswer.failure("secrets-agent nomad: \(reason)").json)
    SecretsAgent.exit(withError: self == .fetch ? nil : error)
  }
}
