import JSONReader
import SecretBytes
import TestSupport
import Testing

/// What `check --policy` tells of credential rules.
@Suite(.timeLimit(.minutes(15))) struct CredentialCheckTests {
  private let agent: Agent

  init() throws {
    agent = try Agent(["SHOP_TOKEN": "token", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"])
  }

  private static let document = """
    name: web
    secret_providers:
      v: {provider: hashicorp_vault, address: "https://vault.example.com:8200", auth: {token_env: SHOP_TOKEN}}
      a: {provider: aws_secrets_manager, region: eu-central-1, auth: {method: instance_metadata}}
    secrets:
      DB_PASSWORD: {from: v, mount: secret, secret_path: web/db, field: password}
      API_KEY: {from: a, secret_id: web/api}
    """

  private func check(_ rules: String, _ options: String...) async throws -> Outcome {
    let policy = try agent.folder.write(
      "environment: [SHOP_TOKEN, \"AWS_*\"]\ncredentials:\n\(rules)", as: "policy.yaml")
    let file = try agent.folder.write(Self.document, as: "job.yaml")
    return try await agent.run(["check", "--policy", policy] + options + [file])
  }

  private static let good = """
      - {name: vault, variables: [SHOP_TOKEN], to: [vault.example.com]}
      - {name: instance, identities: [aws_instance_metadata], to: ["secretsmanager.*.amazonaws.com"]}
      - {name: unused, files: [/etc/creds], to: [vault.example.com]}
      - {name: others, profiles: ["*"], to: [vault.example.com], for: {jobs: [api]}}
    """

  @Test func eachRuleTellsWhatItLetThrough() async throws {
    let outcome = try await check(Self.good)
    #expect(outcome.status == Status.done && outcome.errorText == "", outcome.said)
    let lines = outcome.outputText.split(separator: "\n").map { String($0) }
    #expect(lines.first == "web: no faults, no warnings in 2 secrets, 2 providers", outcome.said)
    for line in [
      "  credentials.vault: lets the variable SHOP_TOKEN go to vault.example.com:8200 (provider v)",
      "  credentials.instance: lets the identity aws_instance_metadata go to "
        + "secretsmanager.eu-central-1.amazonaws.com:443 (provider a)",
      "  credentials.unused: names no credential that is used", "  credentials.others: is for other executions",
    ] {
      #expect(lines.count { $0 == line } == 1, "\(line): \(outcome.said)")
    }
  }

  /// A rule that has refused something is not told to have found nothing.
  @Test func aRuleThatRefusedTellsNothingElse() async throws {
    let outcome = try await check("  - {name: vault, variables: [SHOP_TOKEN], to: [vault.example.org]}")
    #expect(
      outcome.errorText.contains("credentials.vault") && !outcome.outputText.contains("names no credential"),
      outcome.said)
    #expect(outcome.outputText.contains("  credentials.vault: refuses "), outcome.said)
  }

  @Test func aRefusalNamesItsRuleAndThePlaceInTheDocument() async throws {
    let outcome = try await check("  - {name: vault, variables: [SHOP_TOKEN], to: [vault.example.org]}")
    #expect(outcome.status == Status.denied, outcome.said)
    #expect(outcome.faults.count == 1, outcome.said)
    #expect(
      outcome.errorText.contains(
        "secret_providers.v.auth.token_env: the variable SHOP_TOKEN may not be sent to vault.example.com:8200 "
          + "(rule `credentials.vault` of "), outcome.said)
    #expect(
      outcome.outputText.contains(
        "  credentials.vault: refuses the variable SHOP_TOKEN to vault.example.com:8200 (provider v)"), outcome.said)
  }

  /// The document says nothing of the service's host.
  @Test func whatOnlyTheLoginFindsIsRefusedTooWithoutAPacket() async throws {
    let outcome = try await check("  - {name: aws, identities: [aws_instance_metadata], to: [sts.amazonaws.com]}")
    #expect(outcome.status == Status.denied, outcome.said)
    #expect(outcome.faults.count == 1, outcome.said)
    #expect(
      outcome.errorText.contains(
        "provider a: refused by the node policy: the identity aws_instance_metadata may not be sent to "
          + "secretsmanager.eu-central-1.amazonaws.com:443 (rule `credentials.aws` of "), outcome.said)
  }

  @Test func inJSONTheRulesAreLinesAmongTheOthers() async throws {
    let outcome = try await check(
      Self.good + "\n  - {name: vaults, variables: [\"SHOP_*\"], to: [vault.example.org]}", "--log-format", "json")
    #expect(outcome.status == Status.done, outcome.said)
    let lines = try outcome.errorLines.map { try JSONValue.parse(SecretBytes($0), limits: .document) }
    let told = lines.map { line in
      ["level", "class", "rule", "outcome", "credential", "address", "provider"].map { line.member($0)?.text ?? "-" }
        .joined(separator: " ")
    }
    #expect(
      Set(told) == [
        "info policy credentials.vault allowed the variable SHOP_TOKEN vault.example.com:8200 v",
        "info policy credentials.instance allowed the identity aws_instance_metadata "
          + "secretsmanager.eu-central-1.amazonaws.com:443 a",
        "info policy credentials.unused unused - - -", "info policy credentials.others elsewhere - - -",
        "info policy credentials.vaults unused - - -",
      ], outcome.said)
  }

  @Test func aProgramOfAProfileIsNotRun() async throws {
    let folder = agent.folder.path
    let config = try agent.folder.write(
      "[profile program]\ncredential_process = /usr/bin/touch \(folder)/ran\n", as: "config")
    let policy = try agent.folder.write(
      "credential_files: [\(folder)]\ncredentials:\n  - {name: p, profiles: [program], to: [\"*\"]}", as: "policy.yaml")
    let document = try agent.folder.write(
      """
      secret_providers:
        a: {provider: aws_secrets_manager, region: eu-central-1, profile: program}
      secrets:
        API_KEY: {from: a, secret_id: web/api}
      """, as: "job.yaml")
    let outcome = try await agent.shell(
      "AWS_CONFIG_FILE=\(config) \"$@\"", ["check", "--policy", policy, document])
    #expect(outcome.status == Status.done, outcome.said)
    #expect(outcome.outputText.contains("credentials.p: lets the profile program go to secretsmanager."), outcome.said)
    #expect(!agent.folder.exists("ran"))
  }
}
