import AWSProvider
import AgentVersion
import ArgumentParser
import AzureProvider
import FileProvider
import GCPProvider
import Resolution
import VaultProvider

/// Every provider type of this build; to add one is a line here.
let registry = ProviderRegistry([
  VaultProvider.self, SecretsManagerProvider.self, ParameterStoreProvider.self, STSProvider.self,
  GCPSecretManagerProvider.self, AzureKeyVaultProvider.self, FileProvider.self,
])

@main
struct SecretsAgent: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secrets-agent",
    abstract: "Fetches a job's secrets and hands them to its workload.",
    discussion: """
      A document names where secrets live (secret_providers) and which ones a workload needs (secrets). \
      DOC is a file of JSON or YAML, or - for standard input.

      EXAMPLES
        secrets-agent check job.yaml
        secrets-agent resolve job.yaml --output /run/web/env
        secrets-agent exec job.yaml -- ./server --port 8080
        secrets-agent daemon --config /etc/secrets-agent/agent.yaml

      EXIT STATUS
        0 done, 64 usage, 65 invalid document, 69 a provider failed or has no such secret,
        73 an output could not be written, 77 denied, 78 invalid agent configuration
      """,
    version: agentVersion,
    subcommands: [
      ResolveCommand.self, GetCommand.self, CheckCommand.self, ExplainCommand.self, ExecCommand.self, InitCommand.self,
      DaemonCommand.self, StatusCommand.self, RefreshCommand.self, ReloadCommand.self, CacheCommand.self,
      NomadCommand.self, ProvidersCommand.self, SchemaCommand.self, VersionCommand.self,
    ])

  static func main() {
    StandardDescriptors.occupy()
    NomadOperation.run(Array(CommandLine.arguments.dropFirst()))
    if let fault = UsageFault.unknownCommand(CommandLine.arguments.dropFirst()) {
      exit(withError: fault)
    }
    Self.main(nil)
  }
}
