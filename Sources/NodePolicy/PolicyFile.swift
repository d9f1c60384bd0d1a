import ExecutionModel
import SecretBytes
import Settings
import Text

/// The policy file, YAML or JSON: every rule, once, for the reader and for the JSON Schema. Unknown keys are errors: a misspelt
/// rule must not leave a door open.
public enum PolicyFile {
  /// - Parameter base: what holds where the file says nothing.
  /// - Throws: every fault of the file.
  public static func parse(_ bytes: SecretBytes, over base: NodePolicy, origin: String) throws(DocumentFaults)
    -> NodePolicy
  {
    var policy = try settings.read(bytes, over: base)
    policy.origin = origin
    return policy
  }

  /// The JSON Schema, for editors.
  public static var schema: SecretBytes { settings.schema }

  static let settings = SettingsFile(
    "policy", "The node policy of secrets-agent (policy.yaml)", noun: "rule", rules, defaults: NodePolicy.strict)

  private static let bytes = SettingKind<Int>.integer(1...(1 << 40))

  // A rule whose value somebody forgot must not leave a door open.
  private static let rules = SettingsObject<NodePolicy>(
    refusingNull: true,
    rules: [
      .check(at: \.credentialRules) { policy in
        let names = policy.credentialRules.map(\.name)
        return Set(names).count == names.count ? nil : "two rules have one name"
      }
    ]
  ) {
    Setting("provider_types", .names, \.providerTypes, default: "all", "Provider types that documents may use.")
    Setting(
      "addresses",
      .list(
        of: .address, "a list of {host, ports, tls}",
        refusingEmpty: "an empty list would allow any; name hosts, or leave the rule out"),
      \.addresses, default: "any host over https, and loopback", "Addresses that providers may have.")
    Setting(
      "credential_files", .credentialFolders, \.credentialFiles, default: "none",
      "Folders of files that authentication may read; what lies in /proc, /sys and /dev is none.")
    Setting(
      "environment", .names, \.environment, default: "none",
      "Environment variables of the agent that authentication may read; a pattern may end in *.")
    Setting(
      "credentials", .credentialRules, \.credentialRules, default: "no credential is bound",
      "Rules that bind credentials to the addresses that they may be sent to.")
    Setting(
      "spiffe_audiences", .names, \.spiffeAudiences, default: "none",
      "Audiences for which authentication may ask the SPIFFE Workload API for a token; a pattern may end in *.")
    Setting(
      "spiffe_socket", .text, \.spiffeSocket, default: "what SPIFFE_ENDPOINT_SOCKET says",
      "Where the SPIFFE Workload API listens, as unix:///run/spire/agent.sock.")
    Setting("file_roots", .folders, \.fileRoots, default: "none", "Folders that the file provider may read.")
    Setting("output_roots", .folders, \.outputRoots, default: "none", "Folders that outputs may be written beneath.")
    Setting(
      "vault_paths", .names, \.vaultPaths, default: "none",
      "Paths below auth/, sys/, identity/ and cubbyhole/ of Vault that entries may read; a pattern may end in *.")
    Setting(
      "dangerous_names", .names, \.dangerousNames, default: "none",
      "Names that change how a process loads code, and are let through all the same; a pattern may end in *.")
    Setting("skip_verify", .flag, \.allowsSkipVerify, "Whether a document may set tls.skip_verify.")
    Setting(
      "standby_redirects", .flag, \.allowsStandbyRedirects,
      "Whether a Vault standby's redirect to another allowed address is followed, token and all.")
    Setting(
      "max_stale", .interval(), \.maxStale, default: "no limit",
      "How old a value may get before it is no longer delivered.")
    Setting(
      "on_max_stale", .choice(NodePolicy.StaleReaction.allCases.map { ($0.rawValue, $0) }), \.onMaxStale,
      "What becomes of outputs with a value that is too old, or that its store refuses after a start without it: keep them, remove them, or remove them and stop the workload."
    )
    Setting(
      "min_refresh", .interval(), \.minRefresh,
      "The shortest interval at which a secret is refreshed; a shorter one in a document is raised to it.")
    Setting(
      "max_value_bytes", bytes, \.bounds.valueBytes,
      "Bytes of what a store keeps as one value, all fields of a KV path together; more is a failure.")
    Setting(
      "max_execution_bytes", bytes, \.bounds.executionBytes, "Bytes of all values that one execution gets.")
    Setting("max_held_bytes", bytes, \.bounds.heldBytes, "Bytes of all values that the agent holds.")
    Setting("max_secrets", .integer(1...10_000), \.bounds.secrets, "Entries of one execution.")
    Setting("max_providers", .integer(1...10_000), \.bounds.providers, "Providers of one execution.")
  }
}

extension SettingKind where Value == NodePolicy.NameScope {
  fileprivate static var names: SettingKind {
    SettingKind<[String]>.list(of: .text).refined { names throws(SettingFault) in .matching(names) }
  }
}

extension SettingKind where Value == NodePolicy.PathScope {
  fileprivate static var credentialFolders: SettingKind {
    SettingKind<[String]>.list(of: .place, "a list of folders").refined { folders throws(SettingFault) in
      if let folder = folders.first(where: { KernelFiles.contains($0) }) {
        throw SettingFault("\(ShownText.clean(folder)) \(KernelFiles.reason); leave it out")
      }
      return .beneath(folders)
    }
  }

  fileprivate static var folders: SettingKind {
    SettingKind<[String]>.list(of: .place, "a list of folders").refined { folders throws(SettingFault) in
      .beneath(folders)
    }
  }
}

extension SettingKind where Value == String {
  /// A path without the slashes behind it.
  static var place: SettingKind {
    path.refined { text throws(SettingFault) -> String in
      var place = text[...]
      while place.count > 1, place.hasSuffix("/") {
        place = place.dropLast()
      }
      return String(place)
    }
  }
}

extension SettingKind where Value == AddressPattern {
  static var address: SettingKind {
    .either(
      SettingKind<String>.host.refined { host throws(SettingFault) in AddressPattern(host: host) },
      or: .object(settings, from: AddressPattern(host: "")), "a host, or {host, ports, tls}")
  }

  private static var settings: SettingsObject<AddressPattern> {
    SettingsObject(refusingNull: true) {
      Setting(
        "host", .host, \.host, required: true,
        "A host; *.example.com is every name below, * every host, a * between dots one part of a name.")
      Setting(
        "ports", .list(of: .integer(1...65535), "a list of ports"), \.ports, default: "every port", "Ports of the host."
      )
      Setting(
        "tls", .choice([("required", true), ("optional", false)]), \.requiresTLS,
        "Whether https is required; optional lets http through.")
    }
  }
}

extension SettingKind where Value == String {
  fileprivate static var host: SettingKind {
    parsed("a host name, *.domain or *", pattern: "^[^\\u0000-\\u001f\\u007f]+$") { text in
      text.isEmpty || text.utf8.contains { $0 < 0x20 || $0 == 0x7f } ? nil : text
    }
  }
}
