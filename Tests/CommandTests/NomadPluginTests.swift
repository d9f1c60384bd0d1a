import Foundation
import Glibc
import TestSupport
import Testing

/// `secrets-agent nomad` as Nomad's client runs it.
@Suite(.timeLimit(.minutes(15))) struct NomadPluginTests {
  private let fakes: Fakes
  private let daemon: RunningDaemon
  private let demoValues = [
    "DB_PASSWORD": "correct horse battery staple", "API_KEY": "demo-api-key-0123456789",
  ]

  init() throws {
    fakes = try Fakes()
    daemon = try RunningDaemon()
    try configure()
  }

  private func configure(_ more: String = "") throws {
    try daemon.configure(more: "values: {socket: \(daemon.folder.path)/values.sock}\n\(more)")
  }

  private func runner(timeout: String? = nil) throws -> NomadRunner {
    try NomadRunner(config: daemon.folder.file("agent.yaml").path, timeout: timeout)
  }

  @Test func itIsASecretsPluginOfThisVersion() async throws {
    let (type, version) = try await runner().fingerprint()
    #expect(type == "secrets")
    #expect(try await daemon.plain("version").outputText.contains(version))
  }

  // MARK: - Of the daemon

  @Test func theDaemonsExecutionIsGivenWithoutACallAndWithoutItsStore() async throws {
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.folder.exists("values.sock") })
    var status = stat()
    #expect(stat(daemon.folder.file("values.sock").path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    // The first generation is waited for.
    try daemon.drop(demo(fakes.address), as: "web")
    #expect(try await daemon.reach(run) { try await runner().fetch("web") == .success(demoValues) })
    try await fakes.forget()
    try await fakes.add("status", "500")
    #expect(try await runner().fetch("web") == .success(demoValues))
    #expect(try await fakes.requests() == [])
    run.send(SIGTERM)
    let outcome = try await run.outcome()
    #expect(!outcome.errorText.contains("demo-api-key"))
    #expect(!daemon.folder.exists("values.sock"))
  }

  @Test func whyTheDaemonHasNoGenerationIsTold() async throws {
    let run = try daemon.start()
    try daemon.drop(jobSpec(vault(fakes.address), ["MISSING": kv2("no/such", "key")]), as: "web")
    #expect(try await daemon.reach(run) { daemon.folder.exists("values.sock") })
    let reached = try await daemon.reach(run) {
      try await runner(timeout: "12s").fetch("web").reason.contains("secrets.MISSING: provider vault")
    }
    #expect(reached)
    #expect(try await runner(timeout: "2s").fetch("nobody").reason.contains("the daemon has no execution of this id"))
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  // MARK: - Of the folder

  @Test func aDocumentOfTheFolderIsResolvedWhereNoDaemonAnswers() async throws {
    try daemon.drop(demo(fakes.address), as: "web")
    for name in ["web", "web.yaml"] {
      #expect(try await runner().fetch(name) == .success(demoValues), "\(name)")
    }
  }

  @Test(arguments: ["../agent", "../agent.yaml", ".hidden", "no-such", "web/..", "..", "/etc/passwd"])
  func whatIsNoneOfItIsNotRead(_ path: String) async throws {
    try daemon.drop(demo(fakes.address), as: "web")
    try daemon.folder.write(demo(fakes.address).text, as: "documents/.hidden.yaml")
    let reason = try await runner().fetch(path).reason
    #expect(reason.contains("has no document of this name"), "\(reason)")
    #expect(try await fakes.requests() == [])
  }

  @Test func theNodePolicyHolds() async throws {
    let policy = try daemon.folder.write("addresses: [vault.example.com]", as: "policy.yaml")
    try configure("policy: \(policy)")
    try daemon.drop(demo(fakes.address), as: "web")
    let reason = try await runner().fetch("web").reason
    #expect(reason.contains("rule `addresses`"), "\(reason)")
    #expect(try await fakes.requests() == [])
  }

  // MARK: - Failures, all in the answer

  @Test(arguments: [[], [""], ["web", "more"]])
  func aFetchWithoutOnePathIsTold(_ path: [String]) async throws {
    #expect(try await runner().fetch(path).reason.contains("the secret block needs one path"))
  }

  /// The path is the job's: it is never an option of the node's command.
  @Test(arguments: ["--config=/dev/null", "--timeout=1h", "-x", "--version", "--", "-h", "--help"])
  func aPathThatLooksLikeAnOptionIsNone(_ path: String) async throws {
    try daemon.drop(demo(fakes.address), as: "web")
    let reason = try await runner().fetch(path).reason
    #expect(reason.contains("\(path): ") && reason.contains("has no document of this name"), "\(reason)")
  }

  @Test func everyFailedSecretIsTold() async throws {
    try daemon.drop(
      jobSpec(vault(fakes.address), ["A": kv2("no/such", "key"), "B": kv2("web/db", "no-such-field")]), as: "web")
    let reason = try await runner(timeout: "5s").fetch("web").reason
    #expect(reason.contains("secrets.A: provider vault") && reason.contains("secrets.B: provider vault"), "\(reason)")
  }

  @Test func aStoreThatHangsIsAnErrorWithinTheLimit() async throws {
    try daemon.drop(lone(fakes.address), as: "web")
    try await fakes.add("hang")
    let reason = try await runner(timeout: "1s").fetch("web").reason
    #expect(reason.contains("secrets.DB_PASSWORD"), "\(reason)")
  }

  @Test func itEndsByNomadsSignal() async throws {
    try daemon.drop(lone(fakes.address), as: "web")
    try await fakes.add("hang")
    let run = try runner().start(["fetch", "web"], environment: ["CPI_OPERATION": "fetch"])
    #expect(try await daemon.reach(run) { try await !fakes.requests().isEmpty })
    run.send(SIGTERM)
    let outcome = try await run.outcome()
    #expect(outcome.status == 0, outcome.said)
    #expect(outcome.outputText == #"{"result":{},"error":"ended by SIGTERM before there was an answer"}"# + "\n")
  }

  /// What the wrapper adds may be wrong: the one place where Nomad would show that is the answer.
  @Test(arguments: [
    (["--timeout", "x"], ["fetch", "web"], "--timeout"), (["--log-level", "bogus"], ["fetch", "web"], "--log-level"),
    ([], [], "expected nomad fetch"), ([], ["fecth", "web"], "fecth"),
    (["--help"], ["fetch", "web"], "expected nomad fetch"),
  ])
  func argumentsThatAreNoneAreToldInTheAnswer(_ own: [String], _ given: [String], _ words: String) async throws {
    let runner = try runner()
    let reason = try await runner.answer(own, given).reason
    #expect(reason.contains("secrets-agent nomad: ") && reason.contains(words), "\(reason)")
    // Who types it is told as everywhere.
    let typed = try await Agent([:]).run(["nomad"] + own + given)
    #expect(typed.output.isEmpty == (typed.status != 0), typed.said)
  }

  /// Nomad takes no plugin whose fingerprint fails.
  @Test func aFingerprintWithMoreThanItTakesIsAnAnswerToo() async throws {
    let run = try runner().start(["fingerprint", "x"], environment: ["CPI_OPERATION": "fingerprint"])
    let outcome = try await run.outcome()
    #expect(outcome.status == 64)
    #expect(outcome.outputText.hasPrefix(#"{"result":{},"error":"secrets-agent nomad: "#), outcome.said)
  }

  @Test func aMisspelledKeyExplainsTheMissingOne() async throws {
    let entry: JSON = ["from": "vault", "path": "secret/data/web/db", "feild": "password"]
    try daemon.drop(jobSpec(vault(fakes.address), ["DB": entry]), as: "web")
    let reason = try await runner().fetch("web").reason
    #expect(reason.contains("secrets.DB.field") && reason.contains("feild"), "\(reason)")
  }

  @Test func aValueThatIsNoTextIsToldByItsName() async throws {
    let file = daemon.folder.file("binary")
    try Data([0xff, 0xfe, 0x00]).write(to: file)
    let policy = try daemon.folder.write("file_roots: [\(daemon.folder.path)]", as: "policy.yaml")
    try configure("policy: \(policy)")
    let document: JSON = [
      "secret_providers": ["disk": ["provider": "file"]],
      "secrets": ["RAW": ["from": "disk", "path": .string(file.path)]],
    ]
    try daemon.drop(document, as: "web")
    let reason = try await runner().fetch("web").reason
    #expect(reason.contains("secrets.RAW: the value is not UTF-8"), "\(reason)")
  }

  @Test func aConfigurationThatIsFaultyOrMissingIsTold() async throws {
    #expect(try await NomadRunner(config: "/nonexistent/agent.yaml").fetch("web").reason.contains("cannot be read"))
    try configure("no_such_setting: 1")
    #expect(try await runner().fetch("web").reason.contains("no_such_setting"))
  }

  // MARK: - The block's environment

  @Test func aVariableOfTheBlockIsACredentialWhereThePolicyLetsIt() async throws {
    let auth: JSON = ["method": "approle", "role_id": "demo-web-role", "secret_id_env": "SECRET_ID"]
    try daemon.drop(lone(fakes.address, auth: auth), as: "web")
    let block = ["SECRET_ID": "demo-web-secret-id"]
    #expect(try await runner().fetch("web", block: block).reason.contains("rule `environment`"))
    let policy = try daemon.folder.write("environment: [SECRET_ID]", as: "policy.yaml")
    try configure("policy: \(policy)")
    #expect(try await runner().fetch("web", block: block) == .success(loneValues))
  }

  @Test func aVariableOfTheBlockDoesNotChooseWhoseProxyItIs() async throws {
    try daemon.drop(lone("https://vault.invalid:8200"), as: "web")
    let block = [
      "HTTPS_PROXY": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1",
    ]
    let reason = try await runner(timeout: "1s").fetch("web", block: block).reason
    #expect(reason.contains("secrets.DB_PASSWORD") && !reason.contains("proxy"), "\(reason)")
  }
}
