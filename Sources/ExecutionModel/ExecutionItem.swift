import JSONReader
import SecretBytes
import Text

extension ExecutionDocument {
  /// One execution or bare job spec of a document.
  public struct Item: Sendable {
    public let id: String?
    /// `nil` for a bare job spec.
    let execution: JSONValue?
    /// `nil` for an execution that came without it.
    let jobSpec: JSONValue?
    /// The name of what stands around a bare job spec that has none itself.
    let outerName: String?
    /// `items[3]` and the like, empty for a document of one.
    let path: String

    init(id: String?, execution: JSONValue?, jobSpec: JSONValue?, outerName: String? = nil, path: String) {
      self.id = id
      self.execution = execution
      self.jobSpec = jobSpec
      self.outerName = outerName
      self.path = path
    }

    /// Whether it is a job spec without the execution around it.
    public var isBareJobSpec: Bool { execution == nil }

    /// Whether it says what secrets the job wants.
    public var hasJobSpec: Bool { jobSpec != nil }

    public var jobID: String? { execution?.member("job_id")?.text.flatMap { $0.isEmpty ? nil : $0 } }

    /// The version of the job that the execution was made of; `nil` where it is not said.
    public var jobVersion: Int64? { execution?.member("job_version")?.int64 }

    /// The version of a job that came by itself; `nil` where it is not said.
    public var specVersion: Int64? { jobSpec?.member("version")?.int64 }

    /// Whether it is wanted, and does not say what secrets it wants.
    public var needsJobSpec: Bool { jobSpec == nil && states.end == nil }

    /// Of the execution and of its job spec; both say it, and should say the same.
    var namespaces: [String] {
      [execution, jobSpec].compactMap { $0?.member("namespace")?.text.flatMap { $0.isEmpty ? nil : $0 } }
    }

    var nodeID: String? { execution?.member("node_id")?.text.flatMap { $0.isEmpty ? nil : $0 } }

    var name: String? { jobSpec?.member("name")?.text.flatMap { $0.isEmpty ? nil : $0 } ?? outerName }

    var states: ExecutionStates {
      ExecutionStates(
        desired: state("desired_state")?.text.flatMap(ExecutionStates.Desired.init(word:)) ?? .running,
        observed: state("observed_state")?.text.flatMap(ExecutionStates.Observed.init(word:)))
    }

    /// `status.desired_state.state_type` or `status.observed_state.state_type`.
    func state(_ name: String) -> JSONValue? {
      execution?.member("status")?.member(name)?.member("state_type")
    }

    /// The path of a member of the job spec, as faults show it: it starts at the two blocks, as users write them, but for the items of a
    /// list.
    public func shownPath(_ keys: [String]) -> String {
      let place = keys.map { ShownText.clean($0) }.joined(separator: ".")
      return path.isEmpty ? place : "\(path)\(isBareJobSpec ? "" : ".job_spec").\(place)"
    }

    /// Where that member, or the nearest around it, stands in the source.
    public func position(_ keys: [String]) -> SourcePosition? {
      var value = jobSpec
      for key in keys {
        guard let inner = value?.member(key) else {
          break
        }
        value = inner
      }
      return value?.position
    }

    /// What each entry asks for, and of whom, by its name: a digest of its provider's block and its own as they are written.
    public var identities: [String: String] {
      guard let providers = jobSpec?.member("secret_providers"), let secrets = jobSpec?.member("secrets") else {
        return [:]
      }
      var blocks: [String: SecretBytes] = [:]
      var identities: [String: String] = [:]
      for member in secrets.members {
        guard let name = member.name.text, let from = member.value.member("from")?.text,
          let provider = providers.member(from)
        else {
          continue
        }
        let block = blocks[from] ?? provider.compact()
        blocks[from] = block
        var text = SecretBuffer()
        text.append(block)
        text.append(member.value.compact())
        identities[name] = SHA256.hexDigest(text.finish())
      }
      return identities
    }

    /// Whom each provider is, by its name: a digest of its block as it is written.
    public var providerIdentities: [String: String] {
      guard let providers = jobSpec?.member("secret_providers") else {
        return [:]
      }
      var identities: [String: String] = [:]
      for member in providers.members {
        if let name = member.name.text {
          identities[name] = SHA256.hexDigest(member.value.compact())
        }
      }
      return identities
    }

    /// The same under an id that it does not say itself: a bare job spec has none of its own.
    public func identified(as id: String) -> Item {
      Item(id: id, execution: execution, jobSpec: jobSpec, outerName: outerName, path: path)
    }

    /// The same, and the job spec of `other` where it came without one.
    public func completed(by other: Item) -> Item {
      jobSpec == nil
        ? Item(id: id, execution: execution, jobSpec: other.jobSpec, outerName: other.outerName, path: path) : self
    }

    /// The same in memory of its own, without the rest of its document.
    public func detached() -> Item {
      let copy = execution.map(Self.detached)
      let spec = copy?.member("job_spec").flatMap { $0.kind == .object ? $0 : nil } ?? jobSpec.map(Self.detached)
      return Item(id: id, execution: copy, jobSpec: spec, outerName: outerName, path: path)
    }

    private static func detached(_ value: JSONValue) -> JSONValue {
      (try? JSONValue.parse(value.sourceText.detached(), limits: .document)) ?? value
    }

    // MARK: - Changes

    /// Whether all that the agent reads of it is as in `other`: times, revisions, details and whatever else an execution carries may
    /// differ.
    public func readsTheSame(as other: Item) -> Bool {
      guard id == other.id, name == other.name, hasJobSpec == other.hasJobSpec, isBareJobSpec == other.isBareJobSpec
      else {
        return false
      }
      let here = execution ?? jobSpec
      let there = other.execution ?? other.jobSpec
      if here?.sourceText == there?.sourceText, jobSpec?.sourceText == other.jobSpec?.sourceText {
        return true
      }
      return ["job_id", "namespace", "node_id"].allSatisfy { here?.member($0)?.text == there?.member($0)?.text }
        && states == other.states
        && namespaces == other.namespaces
        && ["secret_providers", "secrets", "labels"].allSatisfy { name in
          jobSpec?.member(name)?.compact() == other.jobSpec?.member(name)?.compact()
        }
    }
  }
}
