import ExecutionModel
import Foundation
import JSONReader
import SecretBytes
import Testing

/// A file of the tree.
private func file(_ path: String) throws -> String {
  let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  return try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
}

@Test func theSchemaInTheTreeIsTheDescriptors() throws {
  let schema = ExecutionSchema.document(of: catalog)
  #expect(try file("config/execution.schema.json") == (schema.unsafeString() ?? "") + "\n", "run `make docs`")
  let definitions = try JSONValue.parse(schema, limits: .document).member("$defs")
  for descriptor in catalog.descriptors {
    #expect(definitions?.member("provider_\(descriptor.type)") != nil)
  }
}

@Test func theTablesInTheTreeAreTheDescriptors() throws {
  let tables = catalog.descriptors.map(ProviderTables.markdown).joined(separator: "\n")
  #expect(try file("docs/providers.md").hasSuffix(tables), "run `make docs`")
}

@Test func theExamplesAreValid() throws {
  let names = [
    "execution.json", "execution.yaml", "aws.yaml", "azure.yaml", "gcp.yaml", "guide.yaml", "multicloud.yaml",
  ]
  for name in names {
    #expect(try faults(file("config/examples/\(name)")).isEmpty, "\(name)")
  }
  let list = try ExecutionDocument(SecretBytes(file("config/examples/executions-list.json")))
  for item in list.items {
    #expect(try catalog.validate(item).warnings.isEmpty)
  }
}
