import ArgumentParser
import ExecutionModel

struct ProvidersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "providers", abstract: "Lists the provider types, or the fields of one.",
    discussion: """
      EXAMPLES
        secrets-agent providers
        secrets-agent providers hashicorp_vault
        secrets-agent providers --schema > execution.schema.json
      """)

  @Argument(help: "A provider type.", completion: .list(registry.catalog.descriptors.map(\.type)))
  var type: String?

  @Flag(help: "Print the field tables of every type as Markdown.")
  var markdown = false

  @Flag(help: "Print the JSON Schema of secret_providers and secrets.")
  var schema = false

  func validate() throws {
    guard [type != nil, markdown, schema].filter({ $0 }).count <= 1 else {
      throw ValidationError("TYPE, --markdown and --schema exclude each other")
    }
  }

  func run() throws {
    let catalog = registry.catalog
    if schema {
      print(ExecutionSchema.document(of: catalog).unsafeString() ?? "")
    } else if markdown {
      print(catalog.descriptors.map(ProviderTables.markdown).joined(separator: "\n"), terminator: "")
    } else if let type {
      guard let descriptor = catalog.descriptor(type) else {
        let names = catalog.descriptors.map(\.type)
        throw ValidationError(
          "unknown provider type; there are: \(names.joined(separator: ", "))\(NearestName.hint(for: type, among: names))"
        )
      }
      print(ProviderTables.markdown(descriptor), terminator: "")
    } else {
      for descriptor in catalog.descriptors {
        print("\(descriptor.type): \(descriptor.summary)")
      }
    }
  }
}
