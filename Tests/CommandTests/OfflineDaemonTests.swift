import Foundation
import Glibc
import Testing

/// Power lost while the network is away: the state folder is left, the outputs are not, and no store answers.
@Suite(.timeLimit(.minutes(15))) struct OfflineDaemonTests {
  private let fakes: Fakes
  private let daemon: RunningDaemon

  init() throws {
    fakes = try Fakes()
    daemon = try RunningDaemon()
    try daemon.configure(more: "cache: {key_file: \(daemon.folder.path)/cache.key}")
  }

  private func cache(_ command: String) async throws -> Outcome {
    try await daemon.plain("cache", command, "--config", daemon.folder.file("agent.yaml").path)
  }

  private func powerCut(_ run: Run) async throws {
    run.send(SIGKILL)
    _ = try await run.outcome()
    try FileManager.default.removeItem(atPath: daemon.folder.file("out").path)
    try await fakes.add("hang")
  }

  @Test func theWorkloadHasItsLastGenerationAndTheStoreTakesOver() async throws {
    let key = daemon.folder.file("cache.key").path
    #expect(try await daemon.plain("cache", "init", "--key-file", key).status == Status.done)
    try daemon.drop(demo(fakes.address), as: "web")
    var run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    #expect(try await daemon.reach(run) { try await cache("verify").outputText.hasPrefix("1 execution ") })
    try await powerCut(run)

    // A rotation of the key while it was down.
    #expect(try await daemon.plain("cache", "init", "--rotate", "--key-file", key).status == Status.done)
    run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web")?["API_KEY"] == "demo-api-key-0123456789" })
    let status = try await daemon.command("status")
    #expect(status.outputText.contains("web  stale"), status.said)
    let list = try await cache("list")
    #expect(list.status == Status.done && list.outputText.contains("web DB_PASSWORD: version 1, fetched "), list.said)
    #expect(!(list.outputText + list.errorText).contains("demo-api-key"))

    try await fakes.administer("DELETE", "faults")
    try await fakes.put("secret", "web/api", ["key": "live again"])
    #expect(try await daemon.reach(run) { daemon.generation(of: "web")?["API_KEY"] == "live again" })
    #expect(try await daemon.reach(run) { try await daemon.command("status").outputText.contains("web  live") })
    daemon.remove("web")
    #expect(try await daemon.reach(run) { try await cache("list").outputText.isEmpty })
    run.send(SIGTERM)
    let outcome = try await run.outcome()
    #expect(!outcome.errorText.contains("demo-api-key"))
  }

  /// Whenever daemon and rotation are killed, what was sealed opens, with the old key or the new one.
  @Test func aKeyThatIsRotatedWhileTheNodeDiesOpensWhatWasSealed() async throws {
    let key = daemon.folder.file("cache.key").path
    #expect(try await daemon.plain("cache", "init", "--key-file", key).status == Status.done)
    try daemon.drop(demo(fakes.address), as: "web")
    var run = try daemon.start()
    #expect(try await daemon.reach(run) { try await cache("verify").outputText.hasPrefix("1 execution ") })
    for round in 0..<12 {
      let rotation = try daemon.begin(plain: "cache", "init", "--rotate", "--key-file", key)
      // From its start to well after its end; the daemon seals anew meanwhile, by the key that it began with or the next one.
      usleep(UInt32(round * 1500))
      rotation.send(SIGKILL)
      run.send(SIGKILL)
      _ = try await rotation.outcome()
      _ = try await run.outcome()
      let verified = try await cache("verify")
      #expect(verified.status == Status.done && verified.outputText.hasPrefix("1 execution "), verified.said)
      run = try daemon.start()
    }
    try await powerCut(run)
    run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web")?["API_KEY"] == "demo-api-key-0123456789" })
    run.send(SIGKILL)
  }

  @Test func filesOfACacheThatIsOffAreToldOfAndPurgedWithoutTheKey() async throws {
    let key = daemon.folder.file("cache.key").path
    #expect(try await daemon.plain("cache", "init", "--key-file", key).status == Status.done)
    try daemon.drop(demo(fakes.address), as: "web")
    var run = try daemon.start()
    #expect(try await daemon.reach(run) { try await cache("verify").outputText.hasPrefix("1 execution ") })
    run.send(SIGTERM)
    _ = try await run.outcome()
    unlink(key)
    try daemon.configure()
    run = try daemon.start()
    #expect(try await daemon.reach(run) { try run.errorSoFar().contains("secrets-agent cache purge --config FILE") })
    let purged = try await cache("purge")
    #expect(purged.status == Status.done && purged.outputText == "1 file removed\n", purged.said)
    run.send(SIGTERM)
    _ = try await run.outcome()
    let after = try daemon.start()
    #expect(try await daemon.reach(after) { try after.errorSoFar().contains("started") })
    #expect(try !after.errorSoFar().contains("cache purge"))
    after.send(SIGKILL)
  }

  @Test func withoutItsKeyTheDaemonSaysSo() async throws {
    let outcome = try await daemon.start().outcome()
    #expect(outcome.status == Status.invalidConfiguration, outcome.said)
    #expect(outcome.errorText.contains("secrets-agent cache init --key-file"), outcome.said)
    let verified = try await cache("verify")
    #expect(verified.status == Status.invalidConfiguration, verified.said)
    let config = daemon.folder.file("agent.yaml").path
    let checked = try await daemon.plain("check", "--config", config)
    #expect(checked.status == Status.invalidConfiguration && checked.errorText == outcome.errorText, checked.said)

    // Each hint leads on.
    let key = try daemon.folder.write("", as: "cache.key")
    let empty = try await daemon.plain("check", "--config", config)
    #expect(empty.errorText.hasSuffix("make one: secrets-agent cache init --key-file \(key)\n"), empty.said)
    #expect(try await daemon.plain("cache", "init", "--key-file", key).status == Status.done)
    #expect(try await daemon.plain("check", "--config", config).status == Status.done)
    #expect(mkdir(daemon.folder.file("state/cache").path, 0o700) == 0)
    #expect(chmod(daemon.folder.file("state/cache").path, 0o777) == 0)
    let open = try await daemon.plain("check", "--config", config)
    #expect(open.status == Status.invalidConfiguration, open.said)
    #expect(open.errorText.contains("others may write into it; make it mode 0700"), open.said)
    #expect(try await daemon.start().outcome().errorText == open.errorText)
  }
}
