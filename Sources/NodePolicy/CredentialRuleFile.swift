import ExecutionModel
import Settings

/// How the policy file writes credential rules.
extension SettingKind where Value == [CredentialRule] {
  static var credentialRules: SettingKind {
    .list(
      of: .object(rule, from: CredentialRule()), "a list of {name, files, variables, profiles, identities, to, for}",
      refusingEmpty: "an empty list would bind nothing; write rules, or leave it out")
  }

  private static var rule: SettingsObject<CredentialRule> {
    SettingsObject(
      refusingNull: true,
      rules: [
        .check(at: \.name) { rule in
          rule.name.isEmpty || rule.namesCredentials
            ? nil : "names no credential; give files, variables, profiles or identities"
        }
      ]
    ) {
      Setting("name", .ruleName, \.name, required: true, "What refusals call the rule.")
      Setting(
        "files", .list(of: .place, "a list of paths"), \.files, default: "none",
        "Credential files, and folders with all that lies below them.")
      Setting(
        "variables", .list(of: .text), \.variables, default: "none",
        "Environment variables of the agent; a pattern may end in *.")
      Setting(
        "profiles", .list(of: .text), \.profiles, default: "none",
        "Profiles of AWS's shared files; a pattern may end in *.")
      Setting(
        "identities",
        .list(
          of: .choice(PlatformIdentity.allCases.map { ($0.rawValue, $0) }), "a list of identities of the platform"),
        \.identities, default: "none", "Identities that the platform gives the node.")
      Setting(
        "to",
        .list(
          of: .address, "a list of {host, ports, tls}",
          refusingEmpty: "an empty list would let nothing use them; name hosts"),
        \.destinations, required: true,
        "Addresses that the credentials, and what a login gets for them, may be sent to.")
      Setting("for", audience, \.audience, "The executions that the rule is for; every one where it is left out.")
    }
  }

  private static var audience: SettingsObject<CredentialRule.Audience> {
    SettingsObject(refusingNull: true) {
      Setting(
        "namespaces", patterns("namespaces"), \.namespaces, default: "all",
        "Namespaces; a pattern may end in *. Where execution and job spec say two, both have to match.")
      Setting("jobs", patterns("jobs"), \.jobs, default: "all", "Names of jobs; a pattern may end in *.")
      Setting(
        "labels",
        .list(
          of: .label, "a list of labels as team=payments",
          refusingEmpty: "an empty list would match every job; leave it out for that"),
        \.labels, default: "all", "Labels that a job has to have, all of them; the text may end in *.")
    }
  }

  private static func patterns(_ noun: String) -> SettingKind<[String]> {
    .list(
      of: .text, "a list of \(noun)", refusingEmpty: "an empty list would match all \(noun); leave it out for that")
  }
}

extension SettingKind where Value == CredentialRule.LabelPattern {
  fileprivate static var label: SettingKind {
    parsed("a label as team=payments", pattern: "^[^=\\u0000-\\u001f\\u007f]+=[^\\u0000-\\u001f\\u007f]*$") { text in
      text.utf8.contains { $0 < 0x20 || $0 == 0x7f } ? nil : CredentialRule.LabelPattern(text)
    }
  }
}

extension SettingKind where Value == String {
  fileprivate static var ruleName: SettingKind {
    parsed("1 to 64 letters, digits, '-' and '_'", pattern: "^[A-Za-z0-9_-]{1,64}$") { text in
      TextGrammar.isWord(text, 1...64, "-_") ? text : nil
    }
  }
}
