import ExecutionModel
import HTTPTransport
import NodePolicy
import SecretBytes

/// Holds a validated execution against the node policy before anything is sent or read.
public enum PolicyGate {
  /// A refusal with its place in the document.
  public struct Refusal: Error, Sendable, Equatable {
    public let path: String
    public let refusal: PolicyRefusal

    public var line: String { "\(path): \(refusal.message)" }
  }

  /// Every refusal of `execution`. `asEnvironment`: whether its secrets are to become variables.
  public static func refusals(
    of execution: Execution, by policy: NodePolicy, asEnvironment: Bool
  ) -> [Refusal] {
    var refusals: [Refusal] = []
    func note(_ path: String, _ check: () throws(PolicyRefusal) -> Void) {
      do throws(PolicyRefusal) {
        try check()
      } catch {
        refusals.append(Refusal(path: path, refusal: error))
      }
    }
    for provider in execution.providers {
      note(provider.path("type")) { () throws(PolicyRefusal) in try policy.check(providerType: provider.type) }
      for field in provider.descriptor.connection where field.kind == .address {
        guard let text = provider.fields.text(field.name), let url = try? HTTPURL(parsing: text) else {
          continue
        }
        note(provider.path(field.name)) { () throws(PolicyRefusal) in try policy.check(url) }
      }
      if provider.fields.boolean("tls.skip_verify") == true {
        note(provider.path("tls.skip_verify")) { () throws(PolicyRefusal) in try policy.checkSkipVerify() }
      }
      let methods = provider.descriptor.authentication?.methods ?? []
      for field in methods.first(where: { $0.name == provider.method })?.fields ?? []
      where field.kind == .environmentVariable {
        guard let name = provider.authentication.text(field.name) else {
          continue
        }
        note(provider.path("auth.\(field.name)")) { () throws(PolicyRefusal) in
          try policy.check(credentialVariable: name)
        }
      }
    }
    if asEnvironment {
      for entry in execution.secrets {
        for output in entry.outputs {
          note("secrets.\(DocumentPath.shown(entry.name))") { () throws(PolicyRefusal) in
            try policy.check(environmentName: output)
          }
        }
      }
    }
    return refusals
  }
}
