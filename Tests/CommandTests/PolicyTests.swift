import TestSupport
import Testing

/// What the node's policy refuses, and what the command line does.
@Suite(.timeLimit(.minutes(15))) struct PolicyAndUsage {
  private let fakes: Fakes
  private let agent: Agent

  init() throws {
    fakes = try Fakes()
    agent = try Agent(["SECRET_ID": "demo-web-secret-id"])
  }

  private func policy(_ text: String) throws -> [String] {
    ["--policy", try agent.folder.write(text, as: uniqueName("policy-") + ".yaml")]
  }

  /// Nothing was sent, and the one line names the rule.
  private func expectRefusal(
    _ arguments: [String], rule: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let outcome = try await agent.run(arguments)
    outcome.expectFailure(Status.denied, saying: "rule `\(rule)`", sourceLocation: sourceLocation)
    #expect(try await fakes.requests() == [], sourceLocation: sourceLocation)
  }

  // MARK: - Refused whatever the policy

  @Test(arguments: [
    "http://169.254.169.254", "https://169.254.169.254", "https://[fe80::1]", "https://[fd00:ec2::254]",
    "https://[::ffff:169.254.169.254]",
  ])
  func linkLocalAddresses(address: String) async throws {
    for command in ["check", "explain"] {
      try await expectRefusal([command, try agent.file(lone(address))], rule: "addresses")
    }
    let open = try policy("addresses: [{host: '*', tls: optional}]")
    try await expectRefusal(["check", try agent.file(lone(address))] + open, rule: "addresses")
  }

  @Test func httpBeyondLoopback() async throws {
    try await expectRefusal(["check", try agent.file(lone("http://vault.example.com"))], rule: "addresses")
  }

  @Test func certificatesAreNotSkipped() async throws {
    let file = try agent.file(lone(fakes.address, tls: ["skip_verify": true]))
    try await expectRefusal(["resolve", file, "--output", "-"], rule: "skip_verify")
  }

  @Test(arguments: ["PATH", "LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "NODE_OPTIONS", "PYTHONPATH"])
  func variablesThatSteerTheLoader(name: String) async throws {
    let file = try agent.file(jobSpec(vault(fakes.address), [name: kv2("web/db", "password")]))
    try await expectRefusal(["resolve", file, "--output", "-"], rule: "dangerous_names")
    try await expectRefusal(["exec", file, "--", "true"], rule: "dangerous_names")
    let asFile = try await agent.run("resolve", file, "--files", agent.folder.file("files").path)
    #expect(asFile.status == Status.done, asFile.said)
  }

  @Test func aPolicyMayLetThemThrough() async throws {
    let file = try agent.file(jobSpec(vault(fakes.address), ["NODE_OPTIONS": kv2("web/db", "password")]))
    let allowed = try policy("dangerous_names: [NODE_OPTIONS]")
    let outcome = try await agent.run(["resolve", file, "--format", "json", "--output", "-"] + allowed)
    #expect(outcome.values == ["NODE_OPTIONS": "correct horse battery staple"], outcome.said)
  }

  // MARK: - Refused by a policy file

  @Test func credentialFilesOutsideTheFolders() async throws {
    let inside = try agent.folder.write("demo-web-secret-id\n", as: "secret-id")
    let file = try agent.file(
      lone(
        fakes.address,
        auth: ["method": "approle", "role_id": "demo-web-role", "secret_id_file": .string(inside)]))
    let resolve = ["resolve", file, "--format", "json", "--output", "-"]
    try await expectRefusal(resolve + policy("credential_files: [/etc/secrets-agent]"), rule: "credential_files")
    try await expectRefusal(resolve + policy("{}"), rule: "credential_files")
    let allowed = try await agent.run(resolve + policy("credential_files: [\(agent.folder.path)]"))
    #expect(allowed.values == loneValues, allowed.said)
  }

  @Test func variablesThatAreNotForDocuments() async throws {
    let file = try agent.file(
      lone(fakes.address, auth: ["method": "approle", "role_id": "demo-web-role", "secret_id_env": "SECRET_ID"]))
    let resolve = ["resolve", file, "--format", "json", "--output", "-"]
    try await expectRefusal(resolve + policy("environment: [\"VAULT_*\"]"), rule: "environment")
    let allowed = try await agent.run(resolve + policy("environment: [\"SECRET_*\"]"))
    #expect(allowed.values == loneValues, allowed.said)
  }

  @Test func addressesTypesAndOutputs() async throws {
    let file = try agent.file(lone(fakes.address))
    try await expectRefusal(["check", file] + policy("addresses: [vault.example.com]"), rule: "addresses")
    try await expectRefusal(["check", file] + policy("provider_types: [file]"), rule: "provider_types")
    try await expectRefusal(
      ["resolve", file, "--output", agent.folder.file("env").path] + policy("output_roots: [/run/secrets-agent]"),
      rule: "output_roots")
  }

  @Test func severalRefusalsAreToldAtOnce() async throws {
    let file = try agent.file(
      jobSpec(
        vault("http://169.254.169.254", tls: ["skip_verify": true]),
        ["PATH": kv2("web/db", "password"), "LD_PRELOAD": kv2("web/db", "password")]))
    let outcome = try await agent.run("resolve", file, "--output", "-")
    #expect(outcome.status == Status.denied, outcome.said)
    #expect(outcome.faults.count == 4, outcome.said)
  }

  @Test(arguments: [
    "addresses: [", "adresses: [vault.example.com]", "addresses: []", "skip_verify: perhaps", "max_stale: soon",
    "credential_files: [relative]", "[1]", "output_roots: [/run/../etc]",
  ])
  func aPolicyThatCannotBeUnderstoodStopsEverything(text: String) async throws {
    let arguments = ["resolve", try agent.file(lone(fakes.address)), "--output", "-"]
    let outcome = try await agent.run(arguments + policy(text))
    #expect(outcome.status == Status.invalidConfiguration, outcome.said)
    #expect(!outcome.faults.isEmpty && outcome.faults.allSatisfy { $0.contains("policy-") }, outcome.said)
    #expect(try await fakes.requests() == [])
  }

  @Test func aPolicyThatIsNotThere() async throws {
    let outcome = try await agent.run(
      "check", try agent.file(lone(fakes.address)), "--policy", agent.folder.file("absent.yaml").path)
    outcome.expectFailure(Status.invalidConfiguration, saying: "absent.yaml", "No such file")
  }

  // MARK: - Usage

  @Test(arguments: [
    ["bogus"], ["resolve"], ["resolve", "job.yaml"], ["resolve", "job.yaml", "--output", "-", "--format", "xml"],
    ["resolve", "job.yaml", "--output", "-", "--timeout", "5"],
    ["resolve", "job.yaml", "--output", "-", "--mode", "999"],
    ["resolve", "job.yaml", "--output", "-", "--owner", "nobody-of-that-name"],
    ["check", "job.yaml", "--bogus"], ["check", "job.yaml", "extra"], ["check", "job.yaml", "--log-level", "loud"],
    ["providers", "hashicorp_valt"], ["providers", "file", "--markdown"], ["providers", "--schema"],
    ["schema", "agnet"],
  ])
  func aWrongCommandLine(arguments: [String]) async throws {
    let outcome = try await agent.run(arguments)
    #expect(outcome.status == Status.usage, outcome.said)
    #expect(outcome.outputText == "" && outcome.errorText.contains("Usage: "), outcome.said)
  }
}
