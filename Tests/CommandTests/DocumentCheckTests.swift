import TestSupport
import Testing

/// `check` on documents as users and the orchestrator write them.
@Suite(.timeLimit(.minutes(15))) struct DocumentCheck {
  private let agent: Agent

  init() throws {
    agent = try Agent()
  }

  private func check(_ text: String, _ options: String..., as name: String = "job.yaml") async throws -> Outcome {
    try await agent.run(["check"] + options + [try agent.folder.write(text, as: name)])
  }

  /// The example of the API's page, whose items have no `job_spec`.
  private static let page = """
    {"items": [{"id": "exec-789xyz456abc", "job_id": "job-abc123xyz", "job_type": "pipeline", "job_version": 2,
      "namespace": "production", "node_id": "node-edge-us-west-01",
      "status": {"created_at": "2025-01-15T10:35:00Z", "desired_state": {"message": "", "state_type": "run"},
        "observed_state": {"message": "Pipeline processing logs", "state_type": "running"}, "revision": 5,
        "updated_at": "2025-01-15T10:36:15Z"}}],
     "next_token": "string"}
    """

  private static let guide = """
    secret_providers:
      vault:
        provider: hashicorp_vault
        address: https://vault.example.com:8200
        auth:
          role_id_file: /etc/secrets/role-id
          secret_id_file: /etc/secrets/secret-id
      aws_prod:
        provider: aws_sts
        region: us-east-1
        role_arn: arn:aws:iam::123456789012:role/pipeline
    secrets:
      KAFKA_PASSWORD: {from: vault, mount: kv, secret_path: kafka, field: password, refresh: 30m}
      AWS: {from: aws_prod}
    """

  @Test func theGuidesExampleHasNoFaultAndNoWarning() async throws {
    let outcome = try await check(Self.guide, "--strict")
    #expect(outcome.status == Status.done, outcome.said)
    #expect(outcome.errorText == "", outcome.said)
    #expect(outcome.outputText.contains("no faults, no warnings in 2 secrets, 2 providers"), outcome.said)
    #expect(outcome.outputText.contains("fetched again every 30m: KAFKA_PASSWORD"), outcome.said)
    #expect(outcome.outputText.contains("half of what remains of its life: AWS"), outcome.said)
  }

  @Test func thePagesExampleIsTakenAsItIs() async throws {
    let outcome = try await check(Self.page, "--strict", as: "list.json")
    #expect(outcome.status == Status.done, outcome.said)
    #expect(outcome.outputText.hasPrefix("exec-789xyz456abc: no faults, no warnings"), outcome.said)
    let file = try agent.folder.write(Self.page, as: "list.json")
    let resolved = try await agent.run("resolve", file, "--output", "-")
    resolved.expectFailure(Status.invalidDocument, saying: "job_spec")
  }

  @Test(arguments: [#"{"items": []}"#, #"{"items": null}"#, "{}", #"{"next_token": ""}"#])
  func anEmptyListIsFineToCheckAndNothingToResolve(_ text: String) async throws {
    let outcome = try await check(text, as: "list.json")
    #expect(outcome.status == Status.done, outcome.said)
    #expect(outcome.outputText.contains("empty list"), outcome.said)
    let resolved = try await agent.run("resolve", try agent.folder.write(text, as: "list.json"), "--output", "-")
    resolved.expectFailure(Status.invalidDocument, saying: "the list is empty")
  }

  @Test func everyExecutionOfAListIsChecked() async throws {
    func execution(_ id: String, _ path: String) -> String {
      #"{"id": "\#(id)", "job_spec": {"secret_providers": {"f": {"provider": "file"}}, "secrets": {"A": {"from": "f", "path": "\#(path)"}}}}"#
    }
    let list =
      #"{"items": [\#(execution("one", "/a")), \#(execution("two", "b")), \#(execution("three", "/c")), \#(execution("one", "/d"))]}"#
    let outcome = try await check(list, as: "list.json")
    #expect(outcome.status == Status.invalidDocument, outcome.said)
    #expect(outcome.faults.count == 2, outcome.said)
    #expect(outcome.errorText.contains("items[1].job_spec.secrets.A.path: "), outcome.said)
    #expect(outcome.errorText.contains("\"one\" is in the list twice"), outcome.said)
    #expect(outcome.outputText.contains("three: no faults"), outcome.said)
    let chosen = try await check(list, "--execution", "three", as: "list.json")
    #expect(chosen.status == Status.done && chosen.outputText.hasPrefix("three: "), chosen.said)
  }

  @Test(arguments: ["name: web", "name: web\nsecrets: {}\nsecret_providers: null", #"{"job_spec": {}, "id": "e"}"#])
  func aDocumentWithoutSecretsIsFineAndSaysSo(_ text: String) async throws {
    let outcome = try await check(text)
    #expect(outcome.status == Status.done, outcome.said)
    #expect(outcome.outputText.contains("declares no secrets"), outcome.said)
  }

  @Test(arguments: [
    ("secret_providers: {f: {provider: file}}\nsecret: {A: {from: f, path: /a}}", "did you mean \"secrets\"?"),
    ("secret_provider: {f: {provider: file}}\nsecrets: {A: {from: f, path: /a}}", "did you mean \"secret_providers\"?"),
    ("secrets: {A: {from: f, path: /a}}", "secret_providers: required"),
    ("name: n\njob_specs: {secrets: {A: {from: f}}}", "did you mean \"job_spec\"?"),
    ("name: n\nitem: [{id: e}]", "did you mean \"items\"?"),
    ("id: e\njob_spce: {secrets: {}}\njob_id: j", "did you mean \"job_spec\"?"),
    ("spec: {secrets: {}}\nsecrets: {A: {from: f}}", "inside and outside"),
  ])
  func whatCannotBeMeantIsAFault(_ text: String, _ words: String) async throws {
    let outcome = try await check(text)
    #expect(outcome.status == Status.invalidDocument, outcome.said)
    #expect(outcome.errorText.contains(words), outcome.said)
    #expect(!outcome.outputText.contains("no faults"), outcome.said)
  }

  @Test func providersWithoutSecretsAreToldAndTaken() async throws {
    let outcome = try await check("secret_providers: {f: {provider: file}}")
    #expect(outcome.status == Status.done, outcome.said)
    #expect(outcome.errorText.hasPrefix("warning: secrets: there are none"), outcome.said)
    #expect(!outcome.outputText.contains("no faults"), outcome.said)
  }

  @Test func anIntervalThatIsTooShortNamesBothValues() async throws {
    let entry = "{from: f, path: /a, refresh: 30}"
    let outcome = try await check("secret_providers: {f: {provider: file}}\nsecrets: {A: \(entry)}")
    #expect(outcome.status == Status.done, outcome.said)
    for word in ["30ns", "1s", "nanoseconds"] {
      #expect(outcome.errorText.contains(word), outcome.said)
    }
    #expect(outcome.outputText.contains("every 1s: A"), outcome.said)
    let policy = try agent.folder.write("min_refresh: 1m\nfile_roots: [/]", as: "policy.yaml")
    let slower = try await agent.run(
      "check", "--policy", policy,
      try agent.folder.write(
        "secret_providers: {f: {provider: file}}\nsecrets: {A: {from: f, path: /a, refresh: 5s}}", as: "slow.yaml"))
    #expect(slower.errorText.contains("5s") && slower.errorText.contains("1m"), slower.said)
    #expect(slower.outputText.contains("every 1m: A"), slower.said)
  }

  @Test func namesThatTheOutputCannotCarryAreFaults() async throws {
    let text =
      "secret_providers: {f: {provider: file}}\nsecrets:\n  a.b: {from: f, path: /a}\n  9LIVES: {from: f, path: /a}"
    let outcome = try await check(text)
    #expect(outcome.status == Status.invalidDocument, outcome.said)
    #expect(outcome.faults.count == 2, outcome.said)
    #expect(
      outcome.errorText.contains("secrets.a.b: ") && outcome.errorText.contains("(line 3, column 3)"), outcome.said)
    let files = try await check(text, "--files-only")
    #expect(files.status == Status.done, files.said)
    let shell = try await check(
      "secret_providers: {f: {provider: file}}\nsecrets: {UID: {from: f, path: /a}}", "--format", "shell")
    #expect(shell.status == Status.invalidDocument && shell.errorText.contains("format shell"), shell.said)
  }

  @Test func thePolicyIsHeldAgainstFilesAddressesAndDefaultsInOnePass() async throws {
    let policy = try agent.folder.write(
      "addresses: [vault.example.com]\ncredential_files: [/etc/secrets]\nfile_roots: [/srv]", as: "policy.yaml")
    let text = """
      secret_providers:
        v:
          provider: hashicorp_vault
          address: https://vault.example.org
          tls: {ca_cert: /elsewhere/ca.pem}
          auth: {role_id_file: /etc/secrets/role, secret_id_file: /elsewhere/id}
        k: {provider: hashicorp_vault, address: "https://vault.example.com", auth: {role: web}}
        f: {provider: file}
      secrets:
        A: {from: v, mount: m, secret_path: p, field: f}
        B: {from: k, mount: m, secret_path: p, field: f}
        C: {from: f, path: /etc/shadow}
      """
    let outcome = try await check(text, "--policy", policy)
    #expect(outcome.status == Status.denied, outcome.said)
    for place in [
      "secret_providers.v.address: ", "secret_providers.v.tls.ca_cert: ", "secret_providers.v.auth.secret_id_file: ",
      "secret_providers.k.auth.token_file: ", "secrets.C.path: ",
    ] {
      #expect(
        outcome.faults.count { $0.contains(place) && $0.contains("(line ") } == 1, "\(place): \(outcome.errorText)")
    }
    #expect(outcome.faults.count == 5, outcome.said)
    let cloud = try await check(
      "secret_providers: {a: {provider: aws_ssm, region: eu-central-1}}\nsecrets: {A: {from: a, name: p}}", "--policy",
      policy)
    #expect(cloud.status == Status.denied, cloud.said)
    #expect(cloud.errorText.contains("ssm.eu-central-1.amazonaws.com"), cloud.said)
  }

  @Test(arguments: [
    "mount: auth/token, secret_path: lookup-self", "mount: auth, secret_path: token/lookup-self",
    "mount: team, secret_path: auth/token/lookup-self", "mount: cubbyhole, secret_path: x",
  ])
  func theAgentsOwnTokenIsNoSecretOfADocument(_ lookup: String) async throws {
    let text = """
      secret_providers: {v: {provider: hashicorp_vault, address: "https://127.0.0.1:1", auth: {token: t}}}
      secrets: {A: {from: v, \(lookup), engine_version: 1, field: id}}
      """
    for command in [["check"], ["resolve", "--output", "-"]] {
      let outcome = try await agent.run(command + [try agent.folder.write(text, as: "job.yaml")])
      outcome.expectFailure(Status.denied, saying: "secrets.A", "vault_paths")
    }
  }
}
