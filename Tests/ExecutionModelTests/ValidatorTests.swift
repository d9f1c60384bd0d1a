import ExecutionModel
import Foundation
import TestSupport
import Testing

/// The documents' JSON Schema by the mind of another validator: PyPI's jsonschema.
@Suite(.enabled(if: Python.path != nil, "\(Python.absence)")) struct ValidatorTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("config")

  private func faults(_ documents: [String]) throws -> [String] {
    let schema = try String(
      contentsOf: Self.folder.appendingPathComponent("execution.schema.json"), encoding: .utf8)
    return try SchemaValidator.faults(of: documents, schema: schema)
  }

  @Test func everyExampleIsTakenWrappedAndBare() throws {
    let examples = Self.folder.appendingPathComponent("examples")
    let names = try FileManager.default.contentsOfDirectory(atPath: examples.path).sorted()
    #expect(names.count >= 8)
    let texts = try names.map { try String(contentsOf: examples.appendingPathComponent($0), encoding: .utf8) }
    // Indented, every YAML and every JSON text is the value of a key.
    let wrapped = texts.flatMap { text in
      let inner = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { "    \($0)" }.joined(separator: "\n")
      return ["spec:\n\(inner)\n", "spec:\n  job:\n\(inner)\n", "items:\n  -\n\(inner)\n"]
    }
    for (fault, text) in zip(try faults(texts + wrapped), texts + wrapped) {
      #expect(fault == "", "\(text)")
    }
  }

  private static let good = """
    secret_providers:
      v: {provider: hashicorp_vault, address: "https://v", auth: {role_id: r, secret_id: s}, region: "", tls: null}
      a: {provider: aws_sts, region: eu-central-1, role_arn: "arn:aws:iam::123456789012:role/r", auth: null, address: ""}
      n: {provider: file, tls: {ca_cert: "", skip_verify: false, client_key: null}, auth: {role_id: "", token: null}}
    secrets:
      A: {from: v, mount: m, secret_path: p, field: f, version: 3, refresh: 0, secret_id: "", with_decryption: false}
      B: {from: a, field: region, refresh: 30m, version: null}
      C: {from: n, path: /c, with_decryption: null}
    """

  @Test(arguments: [
    ("provider: hashicorp_vault", "type: vault", "secret_providers.v.type: "),
    ("provider: hashicorp_vault", "provider: vault", "secret_providers.v.provider: "),
    ("address: \"https://v\"", "adress: \"https://v\"", "secret_providers.v.adress: "),
    ("address: \"https://v\"", "address: 7", "secret_providers.v.address: "),
    ("region: \"\"", "region: x", "secret_providers.v.region: "),
    ("role_id: r", "role_id: 7", "secret_providers.v.auth.role_id: "),
    ("role_id: r", "role_ids: r", "secret_providers.v.auth.role_ids: "),
    ("role_arn: \"arn:aws:iam::123456789012:role/r\"", "role_arn: r", "secret_providers.a.role_arn: "),
    ("auth: null", "duration_seconds: 899", "secret_providers.a.duration_seconds: "),
    ("from: v", "from: \"\"", "secrets.A.from: "), ("from: v", "form: v", "secrets.A.form: "),
    ("refresh: 0", "refresh: soon", "secrets.A.refresh: "), ("refresh: 0", "refresh: -1", "secrets.A.refresh: "),
    ("refresh: 0", "refresh: 9223372036854775808", "secrets.A.refresh: "),
    ("secret_id: \"\"", "secret_id: s", "secrets.A.secret_id: "), ("field: f, ", "", "secrets.A: "),
    ("version: 3", "version: [3]", "secrets.A.version: "),
    ("version: 3", "engine_version: 3", "secrets.A.engine_version: "),
  ])
  func aFaultIsSaidAtItsOwnPlace(_ word: String, _ replacement: String, _ place: String) throws {
    let bad = Self.good.replacing(word, with: replacement)
    let indented = bad.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
    let found = try faults([
      Self.good, bad, "id: e\njob_spec:\n\(indented)",
      "items:\n  - job_spec:\n\(bad.split(separator: "\n").map { "      \($0)" }.joined(separator: "\n"))",
    ])
    #expect(found.first == "")
    #expect(found[1].components(separatedBy: "; ").contains { $0.hasPrefix(place) }, "\(found[1])")
    #expect(found[2].contains("job_spec.\(place)"), "\(found[2])")
    #expect(found[3].contains("items.0.job_spec.\(place)"), "\(found[3])")
    // The agent's own validation has a fault there as well.
    let own = ExecutionModelTests.faults(bad)
    #expect(own.contains { $0.hasPrefix(place.dropLast(2)) }, "\(own)")
  }
}
