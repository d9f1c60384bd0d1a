import AgentDaemon
import AgentVersion
import ArgumentParser
import EventLoop
import ExecutionModel
import Glibc
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// Serves Nomad 1.11 and newer as a plugin of its `secret` block
/// (https://developer.hashicorp.com/nomad/plugins/author/secret-provider): each operation is a process, and answers on standard output.
struct NomadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nomad", abstract: "Serves Nomad as a plugin of its secret block.",
    discussion: """
      Install it as COMMON_PLUGIN_DIR/secrets/secrets-agent, a script of two lines:

        #!/bin/sh
        exec /usr/local/bin/secrets-agent nomad "$@"

      EXAMPLES
        secrets-agent nomad fingerprint
        secrets-agent nomad --config /etc/secrets-agent/agent.yaml fetch web
      """, subcommands: [NomadFingerprintCommand.self, NomadFetchCommand.self])

  @Option(
    help: "The daemon's configuration: where it is asked, its folder of documents, its policy.", completion: .file())
  var config = "/etc/secrets-agent/agent.yaml"

  @Option(
    help: "Time limit for a fetch; Nomad gives it a minute (default: 50s).", transform: DurationArgument.parse)
  var timeout = DurationArgument(seconds: 50)

  @OptionGroup var log: LogOptions
}

struct NomadFingerprintCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fingerprint", abstract: "Tells Nomad what kind of plugin this is.")

  func run() throws {
    var json = JSONWriter()
    json.beginObject()
    json.name("type")
    json.string("secrets")
    json.name("version")
    json.string(agentVersion)
    json.endObject()
    try NomadAnswer.print(json.finish())
  }
}

struct NomadFetchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fetch", abstract: "Gives Nomad the secrets of an execution, or of a document of the node's folder.",
    discussion: """
      PATH is the id of an execution of the running daemon, which answers with what it last delivered, or the name of a document of \
      the daemon's folder, which is resolved at once where no daemon knows it. The answer is \
      {"result": {"NAME": "value"}, "error": null}; what fails is told in "error", with status 0, since Nomad drops the rest.
      """)

  @ParentCommand var nomad: NomadCommand

  // It comes from whoever writes the job: whatever it looks like, it is no option.
  @Argument(parsing: .captureForPassthrough, help: "The path of Nomad's secret block.")
  var path: [String] = []

  func run() throws {
    // A job's path is no request for help either.
    guard NomadOperation.current != nil || path != ["--help"] && path != ["-h"] else {
      throw CleanExit.helpRequest(self)
    }
    try NomadAnswer.print(answer().json)
  }

  private func answer() -> NomadAnswer {
    guard let name = path.first, path.count == 1, !name.isEmpty else {
      return .failure("the secret block needs one path: an execution's id, or the name of a document")
    }
    let settings: Daemon.Settings
    do throws(DocumentFaults) {
      settings = try DaemonSettings.load(nomad.config)
    } catch {
      return .failure(error.faults.map(\.line), of: nomad.config)
    }
    BlockEnvironment.withhold(unless: settings.policy)
    let (limit, faults) = (nomad.timeout.duration, "the event loop cannot start")
    let fetched = try? AgentRuntime.onLoop(
      nomad.log, policy: settings.policy, limits: RequestLimits(settings.configuration.limits)
    ) {
      Self.answerSignals(on: $0.loop)
      return await NomadFetch(name: name, settings: settings, runtime: $0, limit: limit).answer()
    }
    return fetched ?? .failure(faults)
  }

  /// Nomad ends what takes too long by SIGTERM; then there is an answer all the same.
  private static func answerSignals(on loop: EventLoop) {
    guard let signals = try? loop.signals([SIGTERM]) else {
      return
    }
    Task(executorPreference: loop) {
      for await _ in signals {
        try? NomadAnswer.print(NomadAnswer.failure("ended by SIGTERM before there was an answer").json)
        exit(withError: ExitCode.success)
      }
    }
  }
}

extension RequestLimits {
  /// Those of the daemon's calls.
  fileprivate init(_ settings: AgentConfiguration.Limits) {
    self.init()
    connect = settings.connect
    attempt = settings.attempt
    inFlight = settings.inFlight
  }
}
