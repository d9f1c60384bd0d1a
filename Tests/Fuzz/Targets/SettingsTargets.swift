import AgentDaemon
import ExecutionModel
import NodePolicy
import SecretBytes

/// The node policy's file.
struct PolicyTarget: FuzzTarget {
  static let name = "Policy"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    let policy: NodePolicy
    do throws(DocumentFaults) {
      policy = try PolicyFile.parse(input, over: .strict, origin: "policy.yaml")
    } catch {
      return try refused(error, input)
    }
    try hold(policy.origin == "policy.yaml", "a policy knows its file")
    try hold((try? PolicyFile.parse(input, over: .personal, origin: "")) != nil, "it is taken over any other")
    return true
  }
}

/// The daemon's configuration.
struct ConfigurationTarget: FuzzTarget {
  static let name = "Configuration"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    let configuration: AgentConfiguration
    do throws(DocumentFaults) {
      configuration = try ConfigurationFile.parse(input)
    } catch {
      return try refused(error, input)
    }
    try hold(configuration.limits.inFlight >= 1, "calls may be under way")
    return true
  }
}

private func refused(_ error: DocumentFaults, _ input: SecretBytes) throws(BrokenProperty) -> Bool {
  try hold(!error.faults.isEmpty, "a refusal says why")
  try check(error.faults, in: input)
  return false
}
