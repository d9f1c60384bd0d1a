import ExecutionModel
import HTTPTransport
import JSONReader
import NodePolicy
import SecretBytes
import Text

/// Holds what a document names against the node policy before anything is sent or read.
public struct PolicyGate {
  /// A refusal with its place in the document.
  public struct Refusal: Error, Sendable, Equatable {
    public let path: String
    public let refusal: PolicyRefusal
    public let position: SourcePosition?

    public var line: String {
      let place = position.map { " (line \($0.line), column \($0.column))" } ?? ""
      return "\(path): \(refusal.message)\(place)"
    }
  }

  private let item: ExecutionDocument.Item
  private let policy: NodePolicy
  private var refusals: [Refusal] = []

  /// Every refusal of `execution`, which was read from `item`. `asEnvironment`: whether its secrets are to become variables.
  public static func refusals(
    of execution: Execution, in item: ExecutionDocument.Item, by policy: NodePolicy, asEnvironment: Bool
  ) -> [Refusal] {
    var gate = PolicyGate(item: item, policy: policy)
    gate.note(["secret_providers"]) { policy throws(PolicyRefusal) in
      try policy.check(providers: execution.providers.count)
    }
    gate.note(["secrets"]) { policy throws(PolicyRefusal) in try policy.check(secrets: execution.secrets.count) }
    for provider in execution.providers {
      gate.check(provider)
    }
    for entry in execution.secrets {
      gate.check(entry, asEnvironment: asEnvironment)
    }
    return gate.refusals
  }

  private init(item: ExecutionDocument.Item, policy: NodePolicy) {
    self.item = item
    self.policy = policy
  }

  private mutating func note(_ keys: [String], _ check: (NodePolicy) throws(PolicyRefusal) -> Void) {
    do throws(PolicyRefusal) {
      try check(policy)
    } catch {
      // Line and column cost a walk over the source.
      let position = refusals.count < 100 ? item.position(keys) : nil
      refusals.append(Refusal(path: item.shownPath(keys), refusal: error, position: position))
    }
  }

  private mutating func check(_ provider: ProviderConnection) {
    let place = ["secret_providers", provider.name]
    note(place + ["provider"]) { policy throws(PolicyRefusal) in try policy.check(providerType: provider.type) }
    let values = provider.values
    check(values.fields, provider.descriptor.connection, [], place)
    if case .boolean(true)? = values.fields["tls.skip_verify"] {
      note(place + ["tls", "skip_verify"]) { policy throws(PolicyRefusal) in try policy.checkSkipVerify() }
    }
    let methods = provider.descriptor.authentication?.methods ?? []
    let method = methods.first { $0.name == values.method }
    check(values.authentication, method?.fields ?? [], [], place + ["auth"])
    check(NamedCredentials(provider, method), place)
  }

  /// Each credential that the document names itself against each address that it names.
  private mutating func check(_ named: NamedCredentials, _ place: [String]) {
    let policy = policy.granting(named.grant)
    for (keys, credential) in named.credentials {
      for url in named.addresses {
        note(place + keys) { _ throws(PolicyRefusal) in try policy.check(credential, sentTo: url) }
      }
    }
  }

  /// Addresses, files and variables that the fields name, or that hold where they are left out.
  private mutating func check(
    _ values: FieldValues, _ fields: [FieldDescriptor], _ prefix: [String], _ place: [String]
  ) {
    for field in fields {
      let keys = prefix + [field.name]
      let value = values[keys.joined(separator: ".")]
      switch field.kind {
      case .object(let inner):
        check(values, inner, keys, place)
      case .address, .origin:
        if let url = value.flatMap({ HTTPURL($0) }) {
          note(place + keys) { policy throws(PolicyRefusal) in try policy.check(url) }
        }
      case .audience:
        if let audience = value.flatMap({ String($0) }) {
          note(place + keys) { policy throws(PolicyRefusal) in try policy.check(spiffeAudience: audience) }
        }
      case .environmentVariable:
        if let variable = value.flatMap({ String($0) }) {
          note(place + keys) { policy throws(PolicyRefusal) in try policy.check(credentialVariable: variable) }
        }
      case .identityFile where policy.grant.workload != nil:
        // It stands for the workload's own token.
        continue
      case .file, .identityFile, .pem:
        if let path = value.flatMap({ String($0) }) ?? (value == nil ? field.defaultText : nil), path.hasPrefix("/") {
          note(place + keys) { policy throws(PolicyRefusal) in try policy.check(credentialFile: path) }
        }
      default:
        continue
      }
    }
  }

  private mutating func check(_ entry: SecretEntry, asEnvironment: Bool) {
    let place = ["secrets", entry.name]
    if let path = entry.reference.lookup.servedFile {
      note(place + ["path"]) { policy throws(PolicyRefusal) in try policy.check(servedFile: path) }
    }
    if let path = entry.reference.lookup.apiPath {
      note(place) { policy throws(PolicyRefusal) in try policy.check(vaultPath: path) }
    }
    guard asEnvironment else {
      return
    }
    for output in entry.outputs {
      note(place) { policy throws(PolicyRefusal) in try policy.check(environmentName: output.name) }
    }
  }
}
