import AgentDaemon
import ArgumentParser
import ExecutionModel
import NodePolicy
import SecretBytes

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Prints the JSON Schema of a kind of file, for editors and CI.",
    discussion: """
      execution: documents, as resolve and check read them. agent: the daemon's configuration. policy: the node policy.

      EXAMPLES
        secrets-agent schema > execution.schema.json
        secrets-agent schema agent > agent.schema.json
        secrets-agent schema policy > policy.schema.json
      """)

  enum Kind: String, CaseIterable, ExpressibleByArgument {
    case execution, agent, policy
  }

  @Argument(help: "What the schema is of.")
  var kind = Kind.execution

  func run() throws {
    let schema: SecretBytes =
      switch kind {
      case .execution: ExecutionSchema.document(of: registry.catalog)
      case .agent: ConfigurationFile.schema
      case .policy: PolicyFile.schema
      }
    print(schema.unsafeString() ?? "")
  }
}
