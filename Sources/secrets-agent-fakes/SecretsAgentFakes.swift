import ArgumentParser

@main
struct SecretsAgentFakes: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secrets-agent-fakes", abstract: "Local fakes of the secret stores, to try and to test against.",
    subcommands: [Serve.self, Run.self])
}
