import AgentDaemon
import ExecutionModel
import NodePolicy
import ProviderKit
import Text

/// What each credential rule of the policy made of a check: text on standard output, or JSON lines among the others.
struct CredentialReport {
  let policy: NodePolicy
  let log: LogOptions

  /// - Parameters:
  ///   - grants: of the executions that were checked.
  ///   - told: refusals that were printed before, and stand in no decision.
  func print(
    _ decisions: [CredentialDecision], for grants: [CredentialGrant], beside told: [PolicyRefusal] = []
  ) {
    for rule in policy.credentialRules {
      let ofRule = decisions.filter { $0.rule == rule.key }
      for decision in ofRule {
        tell(
          decision.line, rule.key, decision.refusal == nil ? "allowed" : "refused",
          [
            "provider": decision.connection, "credential": decision.credential.shown,
            "address": "\(decision.address.host):\(decision.address.port)",
          ])
      }
      if ofRule.isEmpty, told.contains(where: { $0.rule == rule.key }) {
        tell("\(rule.key): refuses what the document names, as told above", rule.key, "refused", [:])
      } else if ofRule.isEmpty {
        let isForSome = grants.contains { $0.rules.contains(rule.name) }
        tell(
          "\(rule.key): \(isForSome ? "names no credential that is used" : "is for other executions")", rule.key,
          isForSome ? "unused" : "elsewhere", [:])
      }
    }
  }

  /// Prints the refusals that `told` does not hold yet.
  ///
  /// - Returns: whether there was any refusal.
  func printRefusals(_ decisions: [CredentialDecision], beside told: [PolicyRefusal]) -> Bool {
    let refused = decisions.filter { $0.refusal != nil }
    for decision in refused {
      if let refusal = decision.refusal, !told.contains(refusal) {
        log.faults.error(
          "provider \(ShownText.clean(decision.connection)): refused by the node policy: \(refusal.message)",
          ["class": "policy", "rule": refusal.rule, "provider": decision.connection])
      }
    }
    return !refused.isEmpty
  }

  private func tell(_ line: String, _ rule: String, _ outcome: String, _ fields: [String: String]) {
    switch log.logFormat {
    case .text:
      Swift.print("  \(line)")
    case .json:
      let all = fields.merging(["class": "policy", "rule": rule, "outcome": outcome]) { first, _ in first }
      StandardError.writeJSON(.info, line, all.mapValues(LogValue.text))
    }
  }
}
