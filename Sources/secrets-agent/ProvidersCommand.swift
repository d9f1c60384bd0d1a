import ArgumentParser
import ExecutionModel
import Text

struct ProvidersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "providers", abstract: "Lists the provider types, or the fields of one.",
    discussion: """
      EXAMPLES
        secrets-agent providers
        secrets-agent providers hashicorp_vault
        secrets-agent providers --markdown > providers.md
      """)

  @Argument(help: "A provider type.", completion: .list(registry.catalog.descriptors.map(\.type)))
  var type: String?

  @Flag(help: "Print the field tables of every type as Markdown.")
  var markdown = false

  func validate() throws {
    guard type == nil || !markdown else {
      throw ValidationError("TYPE and --markdown exclude each other")
    }
  }

  func run() throws {
    let catalog = registry.catalog
    if markdown {
      print(catalog.descriptors.map(ProviderTables.markdown).joined(separator: "\n"), terminator: "")
    } else if let type {
      guard let descriptor = catalog.descriptor(type) else {
        let names = catalog.descriptors.map(\.type)
        let hint = NearestName.hint(for: type, among: names)
        throw UsageFault.report(
          "unknown provider type \"\(ShownText.clean(type))\"\(hint); there are: \(names.joined(separator: ", "))",
          in: Self.self)
      }
      print(ProviderTables.markdown(descriptor), terminator: "")
    } else {
      for descriptor in catalog.descriptors {
        print("\(descriptor.type): \(descriptor.summary)")
      }
    }
  }
}
