import Settings

extension SettingKind where Value == AgentConfiguration.Orchestrator {
  static var orchestrator: SettingKind { .object(settings, from: AgentConfiguration.Orchestrator()) }

  private static var settings: SettingsObject<AgentConfiguration.Orchestrator> {
    SettingsObject(rules: [
      .exclusive(\.tokenFile, \.apiKeyFile), .needs(\.tokenURL, \.apiKeyFile),
      .paired(\.clientCertificateFile, \.clientKeyFile),
    ]) {
      Setting(
        "urls", .orchestratorAddresses, \.addresses, required: true,
        "Where it is: a host, a base as https://host:9010, or a whole address that lists this node's executions.")
      Setting("namespace", .text, \.namespace, "What {namespace} in urls stands for.")
      Setting("job_id", .text, \.jobID, "What {job_id} in urls stands for.")
      Setting("token_file", .path, \.tokenFile, "A file that holds the bearer token, read anew at each poll.")
      Setting("api_key_file", .path, \.apiKeyFile, "A file that holds an API key, exchanged for tokens at token_url.")
      Setting(
        "token_url", .bearerAddress, \.tokenURL, default: "/api/v1/auth/token of the first of urls",
        "Where the API key is exchanged.")
      Setting("ca_file", .path, \.caFile, default: "the system's", "The certificates that its own is checked against.")
      Setting("client_certificate_file", .path, \.clientCertificateFile, "This node's certificate.")
      Setting("client_key_file", .path, \.clientKeyFile, "The certificate's key.")
      Setting(
        "poll_interval", .duration(atLeast: .seconds(1)), \.pollInterval, "How often it is asked; jittered by a tenth.")
    }
  }
}

extension SettingKind where Value == OrchestratorAddresses {
  static var orchestratorAddresses: SettingKind {
    let address = SettingKind<String>.text.refined { text throws(SettingFault) in try OrchestratorAddress(text) }
    return SettingKind<[OrchestratorAddress]>.list(
      of: address, "a list of addresses, as https://host:9010", refusingEmpty: "give at least one address"
    ).refined { addresses throws(SettingFault) in OrchestratorAddresses(addresses) }
  }
}

extension SettingKind where Value == String {
  static var bearerAddress: SettingKind {
    text.refined { text throws(SettingFault) in
      try OrchestratorAddress.check(text)
      return text
    }
  }
}
