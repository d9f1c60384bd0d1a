import ExecutionModel
import Text

/// A rule of the node's owner: credentials, the addresses that they may be sent to, and the executions that it is for.
///
/// A credential that any rule names goes only where one that names it, and is for the execution, says; so does all that a login gets
/// for it. One that no rule names goes where the other rules of the policy let connections go.
public struct CredentialRule: Sendable, Equatable {
  /// The executions that a rule is for: those that match all that it says. What it leaves out matches every one.
  public struct Audience: Sendable, Equatable {
    /// Patterns; every namespace that the document says has to match one, and it has to say one.
    public var namespaces: [String] = []
    /// Patterns of the job's name.
    public var jobs: [String] = []
    /// Labels that the job has to have.
    public var labels: [LabelPattern] = []

    public init() {}

    func contains(_ subject: ExecutionSubject) -> Bool {
      (namespaces.isEmpty
        || (!subject.namespaces.isEmpty && subject.namespaces.allSatisfy { Self.matches($0, namespaces) }))
        && (jobs.isEmpty || subject.job.map { Self.matches($0, jobs) } == true)
        && labels.allSatisfy { label in
          subject.label(label.name).map { NamePattern.matches($0, label.value) } == true
        }
    }

    private static func matches(_ text: String, _ patterns: [String]) -> Bool {
      patterns.contains { NamePattern.matches(text, $0) }
    }
  }

  /// A label by its name, and a pattern of its text.
  public struct LabelPattern: Sendable, Equatable {
    public let name: String
    public let value: String

    /// Of `name=pattern`; `nil` for text of another form.
    public init?(_ text: String) {
      guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
        return nil
      }
      name = String(text[..<equals])
      value = String(text[text.index(after: equals)...])
    }
  }

  /// What refusals call it.
  public var name = ""
  /// Files, and folders with all that lies below them (absolute, without a trailing `/`).
  public var files: [String] = []
  /// Patterns of names of the agent's variables.
  public var variables: [String] = []
  /// Patterns of names of AWS profiles.
  public var profiles: [String] = []
  public var identities: [PlatformIdentity] = []
  public var destinations: [AddressPattern] = []
  public var audience = Audience()

  public init() {}

  /// The key of the policy file, as `credentials.vault`.
  public var key: String { "credentials.\(name)" }

  var namesCredentials: Bool {
    !(files.isEmpty && variables.isEmpty && profiles.isEmpty && identities.isEmpty)
  }

  func names(_ credential: NodeCredential) -> Bool {
    switch credential {
    case .file(let path): !files.isEmpty && CredentialPlace(path).lies(in: files)
    case .variable(let name): variables.contains { NamePattern.matches(name, $0) }
    case .profile(let name): profiles.contains { NamePattern.matches(name, $0) }
    case .identity(let identity): identities.contains(identity)
    }
  }

  func leads(to url: HTTPURL) -> Bool {
    destinations.contains { $0.matches(url) && (url.scheme == .https || url.isLoopbackHost || !$0.requiresTLS) }
  }
}
