import Testing

/// A document that tries to turn the node against its owner, and the rule that it is refused by.
///
/// `FOLDER` stands for the folder that the scene's files lie in.
struct HostileDocument: Sendable, CustomTestStringConvertible {
  let name: String
  /// The key of the policy file that refuses it; `nil`: none does.
  let rule: String?
  /// The provider's block, as JSON.
  let provider: String
  /// What its entry asks for, beside `from`.
  var lookup = #""mount": "secret", "secret_path": "web/db", "field": "password""#
  /// The entry's name.
  var variable = "DB_PASSWORD"
  /// How many entries there are.
  var entries = 1
  /// Members of the execution beside its job spec.
  var execution = #""namespace": "shop""#
  /// Members of the job spec beside the two blocks.
  var job = #""name": "web""#
  /// Variables of the agent.
  var environment: [String: String] = [:]
  /// Files of the node, by their paths below the folder.
  var files: [String: String] = [:]

  init(_ name: String, refusedBy rule: String?, _ provider: String) {
    self.name = name
    self.rule = rule
    self.provider = provider
  }

  var testDescription: String { name }

  func text(folder: String) -> String {
    let entry = #"{"from": "p", \#(lookup)}"#
    let secrets = (0..<entries).map { #""\#(variable)\#($0 == 0 ? "" : "_\($0)")": \#(entry)"# }.joined(separator: ", ")
    return """
      {"id": "e", \(execution), "status": {"desired_state": {"state_type": "running"}},
       "job_spec": {\(job), "secret_providers": {"p": \(provider)}, "secrets": {\(secrets)}}}
      """
      .replacing("FOLDER", with: folder)
  }

  // MARK: - Changes to it

  func with(_ change: (inout HostileDocument) -> Void) -> HostileDocument {
    var document = self
    change(&document)
    return document
  }

  /// Run by `namespace`, `job` and `labels`, an object.
  func run(in namespace: String, as job: String, labels: String = "{}") -> HostileDocument {
    with {
      $0.execution = #""namespace": "\#(namespace)""#
      $0.job = #""name": "\#(job)", "namespace": "\#(namespace)", "labels": \#(labels)"#
    }
  }

  func on(_ environment: [String: String], files: [String: String] = [:]) -> HostileDocument {
    with {
      $0.environment = environment
      $0.files = files
    }
  }

  func asking(for lookup: String) -> HostileDocument { with { $0.lookup = lookup } }
}
