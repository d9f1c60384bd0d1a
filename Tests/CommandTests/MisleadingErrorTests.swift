import Glibc
import TestSupport
import Testing

/// What goes wrong often is told with what it likely means.
@Suite(.timeLimit(.minutes(15))) struct MisleadingErrors {
  private let fakes: Fakes
  private let agent: Agent

  init() throws {
    fakes = try Fakes(tls: true)
    agent = try Agent()
  }

  // MARK: - Providers

  @Test func aBadTokenIsSuspectedBeforeItsPolicies() async throws {
    let outcome = try await agent.resolve(lone(fakes.address, auth: ["method": "static", "token": "no-such-token"]))
    outcome.expectFailure(Status.denied, saying: "check the token first")
  }

  @Test func aPathWithDataInItIsToldToDropIt() async throws {
    let document = jobSpec(vault(fakes.address), ["DB_PASSWORD": kv2("data/web/db", "password")])
    let outcome = try await agent.resolve(document)
    #expect(outcome.faults.count == 1 && outcome.errorText.contains("drop `data/` from secret_path"), outcome.said)
  }

  @Test func tlsToAPlainPortIsSaidInWords() async throws {
    let address = fakes.address.replacing("http://", with: "https://")
    let outcome = try await agent.resolve(lone(address))
    outcome.expectFailure(Status.unavailable, saying: "perhaps it speaks plain http")
    #expect(!outcome.errorText.contains("routines"), outcome.said)
  }

  @Test func whatManySecretsHaveInCommonIsSaidOnce() async throws {
    let names = (1...21).map { "SECRET_\($0)" }
    let secrets = names.map { (key: $0, value: kv2("web/\($0)", "password")) }
    let document: JSON = ["secret_providers": ["vault": vault(fakes.address)], "secrets": .object(secrets)]
    try await fakes.add("status", 418, on: "GET /v1/secret/*")
    let outcome = try await agent.resolve(document)
    outcome.expectFailure(
      Status.unavailable, saying: "21 secrets (SECRET_1, SECRET_2, SECRET_3 and 18 more): provider vault: ")
    let lines = try await agent.resolve(document, "--log-format", "json").errorLines
    #expect(lines.count == 21 && lines.allSatisfy { $0.contains("SECRET_") })
  }

  // MARK: - The command line

  @Test(
    arguments: [
      (["resolve", "--outpt", "x", "doc"], "Did you mean '--output'?"),
      (["reslove", "doc"], "did you mean \"resolve\"?"),
      (["resolve", "doc", "--output", "-", "--timeout", "5"], "write 5s"),
      (["resolve", "doc", "--output", "-", "--timeout", "soon"], "as 30s"),
      (["resolve", "doc", "--output", "-", "--mode", "rw"], "as 0640"),
      (["providers", "vault"], "\"hashicorp_vault\" or \"azure_key_vault\""),
      (["resolve", "doc"], "say where to write"),
    ] as [([String], String)])
  func aSlipIsToldWithWhatWasLikelyMeant(arguments: [String], words: String) async throws {
    let outcome = try await agent.run(arguments)
    #expect(outcome.status == Status.usage, outcome.said)
    #expect(outcome.errorText.contains(words) && outcome.errorText.contains("Usage: secrets-agent"), outcome.said)
  }

  @Test func modesInAgentYAMLAreToldToBeQuoted() async throws {
    let configuration = "state_folder: /s\noutputs: {root: /o, mode: 640}\nsources: {folder: {path: /d}}\n"
    let path = try agent.folder.write(configuration, as: "agent.yaml")
    let outcome = try await agent.run("check", "--config", path)
    #expect(outcome.status == Status.invalidConfiguration, outcome.said)
    #expect(outcome.errorText.contains("in quotes: \"0640\""), outcome.said)
  }

  @Test func faultsOfTheConfigurationHideNoneOfThePolicy() async throws {
    let policy = try agent.folder.write("adresses: [vault.example.com]\n", as: "policy.yaml")
    let path = try agent.folder.write("policy: \(policy)\nsorces: {}\n", as: "agent.yaml")
    let outcome = try await agent.run("check", "--config", path)
    #expect(outcome.status == Status.invalidConfiguration && outcome.faults.count == 2, outcome.said)
    #expect(outcome.errorText.contains("\(path): sorces: ") && outcome.errorText.contains("adresses: "), outcome.said)
  }

  @Test(arguments: [
    ("127.0.0.1", false), ("localhost", false), ("[::1]", false), ("127.0.0.1:80", true), ("127.0.0.1:9465", true),
    ("[::1]:9465", true), ("127.0.0.1:", false), ("[::1]:80/", false), ("10.0.0.1:9465", false),
  ]) func anAddressOfMetricsHasItsPort(_ address: String, _ isOne: Bool) async throws {
    let path = try agent.folder.write("api: {metrics_address: \"\(address)\"}\n", as: "agent.yaml")
    let outcome = try await agent.run("check", "--config", path)
    #expect(outcome.status == (isOne ? Status.done : Status.invalidConfiguration), outcome.said)
    #expect(isOne || outcome.errorText.contains("loopback address and port, as 127.0.0.1:9465"), outcome.said)
  }

  @Test func devNullIsAnOutput() async throws {
    let outcome = try await agent.run("resolve", try agent.file(lone(fakes.address)), "--output", "/dev/null")
    #expect(outcome.status == Status.done && outcome.errorText.isEmpty, outcome.said)
    var status = stat()
    #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
  }

  // MARK: - The daemon

  @Test func aRefreshThatIsAskedForTooSoonSaysWhen() async throws {
    let daemon = try RunningDaemon()
    let run = try daemon.start()
    try daemon.drop(lone(fakes.address), as: "web")
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    // However slow the machine: one of them comes within 5 s of the one before.
    let outcome = try await daemon.shell("while \"$@\"; do :; done", "refresh")
    #expect(outcome.outputText.hasPrefix("1 fetch started\n"), outcome.said)
    #expect(outcome.faults.count == 1 && outcome.errorText.contains("ask again in at most 5 s"), outcome.said)
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test(.enabled(if: geteuid() == 0, "another user's socket is asked for"))
  func aClosedSocketSaysWhoMay() async throws {
    let daemon = try RunningDaemon()
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { try await daemon.command("status").status == Status.done })
    #expect(chmod(daemon.folder.path, 0o755) == 0)
    let outcome = try await daemon.shell("exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"", "status")
    outcome.expectFailure(Status.denied, saying: "permission denied", "user root", "api.allowed_users")
    run.send(SIGTERM)
    _ = try await run.outcome()
  }
}
