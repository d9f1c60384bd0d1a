import Foundation
import Glibc
import TestSupport
import Testing

/// No value, credential or token lies in the agent's memory but in the pages that are kept for them: looked for by whoever may read all
/// of a process, in everything it has mapped, while it delivers and while it has nothing to do.
@Suite(
  .enabled(if: geteuid() == 0, "a process that is not dumpable shows its memory to root only"), .timeLimit(.minutes(15))
)
struct MemoryTests {
  /// Proves that what is looked for is found.
  private static let control = "plain-control-Zq7xKpW3"

  private let fakes: Fakes
  private let folder: ScratchFolder

  init() throws {
    fakes = try Fakes(seed: SeededStore.seed, tls: true)
    folder = try ScratchFolder()
  }

  private var environment: [String: String] {
    [
      // As the released executable is linked: binding calls late leaves their arguments on the stack.
      "LD_BIND_NOW": "1", "PLAIN_CONTROL": Self.control,
      "AZURE_AUTHORITY_HOST": fakes.places["azure"] ?? "", "WEB_CLIENT_SECRET": SeededStore.value("client-secret"),
      "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": fakes.places["gcp"] ?? "",
      "GOOGLE_APPLICATION_CREDENTIALS": fakes.places["gcp_key_file"] ?? "",
    ]
  }

  /// What the agent was started with stands where the kernel put it, and is there for as long as the process: the one credential that
  /// it gets by a variable is told of in docs/security.md.
  private func expectNothingBeyondTheEnvironment(_ pid: pid_t, _ store: SeededStore) throws {
    let finds = try ProcessMemory(of: pid).finds(SeededStore.words + [Self.control, SeededStore.name])
    #expect(finds.contains { $0.word == SeededStore.name && $0.mapping != "[stack]" }, "a name is found on the heap")
    let given = Set(
      [Self.control, SeededStore.value("client-secret")].map { ProcessMemory.Find(word: $0, mapping: "[stack]") })
    #expect(finds.filter { $0.word != SeededStore.name } == given, "\(store)")
  }

  private func document(_ store: SeededStore, more: [(key: String, value: JSON)] = []) throws -> JSON {
    [
      "secret_providers": ["store": store.provider(fakes), "more": ["provider": "file"]],
      "secrets": .object(try store.secrets(folder) + more),
    ]
  }

  /// The last page of what is printed does not fit into the pipe, so that the agent stands there with all values at hand.
  @Test(arguments: SeededStore.allCases) func resolveHoldsNothingElsewhereWhileItPrints(store: SeededStore) async throws
  {
    let page = 4096
    let large: JSON = [
      "from": "more", "path": .string(try folder.write(String(repeating: "x", count: 2 * page), as: "large")),
    ]
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    defer { close(ends[0]) }
    // F_GETPIPE_SZ, which Glibc does not have in Swift.
    let size = Int(fcntl(ends[1], 1032))
    try #require(size > page)
    try #require(write(ends[1], [UInt8](repeating: 0x20, count: size - page), size - page) == size - page)

    let agent = try Agent()
    let file = try agent.file(document(store, more: [("LARGE", large)]))
    let pid = try spawn(
      [Built.agent, "resolve", file, "--format", "json", "--output", "-"],
      environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path].merging(environment) { $1 }, output: ends[1], error: 2
    )
    close(ends[1])
    defer {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
    var waiting: Int32 = 0
    while Int(waiting) < size {
      try #require(waitpid(pid, nil, WNOHANG) == 0, "it has ended")
      try await Task.sleep(for: .milliseconds(10))
      try #require(ioctl(ends[0], UInt(FIONREAD), &waiting) == 0)
    }
    try expectNothingBeyondTheEnvironment(pid, store)
  }

  @Test(arguments: SeededStore.allCases) func execKeepsNothingOfWhatItHandedOver(store: SeededStore) async throws {
    var agent = try Agent()
    agent.environment = environment
    let ready = folder.fresh("ready").path
    try #require(mkfifo(ready, 0o600) == 0)
    let name = SeededStore.name
    let script = #"test -n "$\#(name)$\#(name)_SESSION_TOKEN" && echo ready && read -r line < "$1""#
    let run = try agent.start(["exec", try agent.file(document(store)), "--", "sh", "-c", script, "sh", ready])
    let isReady = try await run.printed("ready")
    try #require(isReady, "it has ended")
    try expectNothingBeyondTheEnvironment(run.pid, store)
    try Data("go\n".utf8).write(to: URL(filePath: ready))
    let outcome = try await run.outcome()
    #expect(outcome.status == Status.done, outcome.said)
  }

  @Test(arguments: SeededStore.allCases) func theIdleDaemonHoldsNothingElsewhere(store: SeededStore) async throws {
    let daemon = try RunningDaemon(environment: environment)
    let policy = try daemon.folder.write(
      """
      credential_files: [\(fakes.folder.path)]
      file_roots: [\(folder.path)]
      environment: [WEB_CLIENT_SECRET, GOOGLE_APPLICATION_CREDENTIALS, AZURE_*, CLOUDSDK_*, GCE_*]
      """, as: "policy.yaml")
    try daemon.configure(more: "policy: \(policy)")
    try daemon.drop(document(store), as: "web")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    // Its answer tells that the turns of the delivery are over.
    #expect(try await daemon.reach(run) { try await daemon.command("status").outputText.contains("web  live") })
    try expectNothingBeyondTheEnvironment(run.pid, store)
    run.send(SIGTERM)
    let outcome = try await run.outcome()
    #expect(outcome.status == Status.done, outcome.said)
  }
}
