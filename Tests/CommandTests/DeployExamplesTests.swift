import Foundation
import TestSupport
import Testing

/// The manifests of config/deploy: what stands in them of this project's is taken by the executables as it is, and Debian's tools do not
/// know Kubernetes, Compose or Nomad, so that nothing else is held.
@Suite(.enabled(if: Python.path != nil, "\(Python.absence)"), .timeLimit(.minutes(5)))
struct DeployExamplesTests {
  /// A configuration, a policy, a document or a command (`["secrets-agent", "status", …]`, as JSON).
  struct Piece: Decodable, Sendable, CustomTestStringConvertible {
    let file: String
    let name: String
    let text: String

    var testDescription: String { "\(file): \(name)" }
  }

  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func pieces() throws -> [Piece] {
    let said = try Python.run(reader, [root.appendingPathComponent("config/deploy").path])
    return try JSONDecoder().decode([Piece].self, from: Data(said.utf8))
  }

  private let agent: Agent

  init() throws { agent = try Agent() }

  /// The text, with the folders of an image below the test's own.
  private func written(_ piece: Piece) throws -> String {
    let text = ["/etc/secrets-agent", "/run/secrets"].reduce(piece.text) { text, place in
      text.replacing(place, with: agent.folder.path + place)
    }
    return try agent.folder.write(text, as: piece.name)
  }

  @Test func everyKindIsFound() throws {
    let pieces = try Self.pieces()
    for (file, name) in [
      ("kubernetes-csi.yaml", "class.yaml"), ("kubernetes-csi.yaml", "policy.yaml"),
      ("kubernetes-sidecar.yaml", "agent.yaml"), ("kubernetes-sidecar.yaml", "web.yaml"),
      ("nomad-workload-identity.hcl", "policy.yaml"), ("nomad-workload-identity.hcl", "web.yaml"),
      ("nomad-workload-identity.hcl", "command"), ("compose.yaml", "command"),
      ("kubernetes-native-sidecar.yaml", "command"),
    ] {
      #expect(pieces.contains { $0.file == file && $0.name == name }, "\(file): \(name)")
    }
  }

  @Test func configurationsAndTheirPoliciesHaveNoFault() async throws {
    let pieces = try Self.pieces()
    for piece in pieces where piece.name == "agent.yaml" {
      for place in ["etc/secrets-agent/executions", "run/secrets"] {
        let folder = agent.folder.file(place)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      }
      let policy = try #require(pieces.first { $0.file == piece.file && $0.name == "policy.yaml" })
      try agent.folder.write(policy.text, as: "etc/secrets-agent/policy.yaml")
      let outcome = try await agent.run("check", "--config", try written(piece))
      #expect(outcome.status == Status.done && outcome.errorText.isEmpty, "\(piece.file): \(outcome.said)")
    }
  }

  @Test func documentsHaveNoFaultUnderThePolicyBesideThem() async throws {
    let pieces = try Self.pieces()
    for piece in pieces where piece.name == "web.yaml" || piece.name == "class.yaml" {
      let document = try agent.folder.write(piece.text, as: piece.name)
      var arguments = ["check", "--strict"]
      // A class is a pod's, whose token no policy of the node's speaks of.
      if piece.name == "web.yaml" {
        let policy = try #require(pieces.first { $0.file == piece.file && $0.name == "policy.yaml" })
        arguments += ["--policy", try agent.folder.write(policy.text, as: "policy.yaml")]
      }
      let outcome = try await agent.run(arguments + [document])
      #expect(outcome.status == Status.done && outcome.errorText.isEmpty, "\(piece.file): \(outcome.said)")
    }
  }

  @Test func commandsAreThoseOfTheExecutables() async throws {
    for piece in try Self.pieces() where piece.name == "command" {
      var command = try JSONDecoder().decode([String].self, from: Data(piece.text.utf8))
      let program = command.removeFirst()
      let executable = URL(fileURLWithPath: Built.agent).deletingLastPathComponent().appendingPathComponent(program)
      let outcome = try await Run(
        [executable.path] + command.map { $0.replacing("/", with: "/nonexistent/", maxReplacements: 1) },
        environment: agent.environment, folder: agent.folder
      ).outcome()
      // Nothing of it is there, so that each fails; by its arguments none does.
      #expect(outcome.status != Status.usage && outcome.status != Status.done, "\(piece.file): \(outcome.said)")
      #expect(!outcome.errorText.contains("Usage:"), "\(piece.file): \(outcome.said)")
    }
  }

  /// Prints the pieces as JSON: from ConfigMaps, classes and containers, from Compose's services, and from the templates of Nomad's job.
  private static let reader = #"""
    import json, pathlib, re, sys, textwrap, yaml

    pieces = []

    def add(file, name, text):
        pieces.append({"file": file, "name": name, "text": text})

    def walk(file, node):
        if isinstance(node, dict):
            if node.get("kind") == "ConfigMap":
                for name, text in node["data"].items():
                    add(file, name, text)
            if node.get("kind") == "SecretProviderClass":
                blocks = node["spec"]["parameters"]
                names = ("secret_providers", "secrets")
                add(file, "class.yaml", "".join(f"{name}:\n" + textwrap.indent(blocks[name], "  ") for name in names))
            image = str(node.get("image", "")).split("/")[-1].split(":")[0]
            if image.startswith("secrets-agent"):
                add(file, "command", json.dumps([image] + (node.get("args") or node["command"])))
            for value in node.values():
                walk(file, value)
        elif isinstance(node, list):
            if "secrets-agent" in node:
                add(file, "command", json.dumps(node[node.index("secrets-agent"):]))
            for value in node:
                walk(file, value)

    for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        text = path.read_text()
        if path.suffix == ".yaml":
            for document in yaml.safe_load_all(text):
                walk(path.name, document)
        for name, data in re.findall(r'destination = "local/(.*?)"\s+data\s*= <<-YAML\n(.*?)\n\s*YAML\n', text, re.S):
            add(path.name, name, textwrap.dedent(data).replace('{{ env "NOMAD_SECRETS_DIR" }}', "/secrets") + "\n")
        for program, words in re.findall(r'command = "/usr/local/bin/(secrets-agent)"\s+args = \[(.*?)\]', text, re.S):
            add(path.name, "command", json.dumps([program] + re.findall(r'"(.*?)"', words)))
    print(json.dumps(pieces))
    """#
}
