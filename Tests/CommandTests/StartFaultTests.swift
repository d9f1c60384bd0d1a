import Foundation
import Glibc
import TestSupport
import Testing

/// Why a daemon does not start: only what an edit of its files mends is status 78, which a service manager does not try again.
@Suite(.timeLimit(.minutes(15))) struct StartFaults {
  private let daemon: RunningDaemon

  init() throws { daemon = try RunningDaemon() }

  /// The daemon on a full file system of its own, in its own mount namespace.
  @Test(.enabled(if: OutputFaults.mayMount, "needs the right to mount")) func aFullDiskIsTriedAgain() async throws {
    let state = daemon.folder.file("state").path
    try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: false)
    let script = """
      mount -t tmpfs -o size=64k none "\(state)" || exit 99
      head -c 1000000 /dev/zero > "\(state)/filler" 2>/dev/null; exec "$@"
      """
    let run = try daemon.start(by: "exec unshare --mount --map-root-user sh -c '\(script)' sh \"$@\"")
    try await run.outcome().expectFailure(Status.cannotWrite, saying: "\(state)/lock", "(ENOSPC)", "free some space")
  }

  @Test(.enabled(if: OutputFaults.mayMount, "needs the right to mount")) func aReadOnlyDiskIsTriedAgain() async throws {
    let parent = daemon.folder.file("read-only").path
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: false)
    try daemon.folder.write("state_folder: \(parent)/state\n", as: "agent.yaml")
    let script = "mount -t tmpfs -o ro,size=64k none \"\(parent)\" || exit 99; exec \"$@\""
    let run = try daemon.start(by: "exec unshare --mount --map-root-user sh -c '\(script)' sh \"$@\"")
    try await run.outcome().expectFailure(Status.cannotWrite, saying: "\(parent)/state (for state_folder: ", "(EROFS)")
  }

  @Test func aSocketThatAnotherHasIsTriedAgain() async throws {
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.folder.exists("api.sock") })
    let second = try String(contentsOf: daemon.folder.file("agent.yaml"), encoding: .utf8)
      .replacing("\(daemon.folder.path)/state", with: "\(daemon.folder.path)/other")
    try daemon.folder.write(second, as: "agent.yaml")
    try await daemon.start().outcome().expectFailure(
      Status.unavailable, saying: "\(daemon.folder.path)/api.sock", "another process listens there")
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func aPortThatAnotherHasIsTriedAgain() async throws {
    let port = try freePorts(inARow: 1)
    let other = try RunningDaemon(api: "metrics_address: \"127.0.0.1:\(port)\"")
    let run = try other.start()
    #expect(try await other.reach(run) { other.folder.exists("api.sock") })
    try daemon.configure(api: "metrics_address: \"127.0.0.1:\(port)\"")
    let outcome = try await daemon.start("--log-format", "json").outcome()
    #expect(outcome.status == Status.unavailable, outcome.said)
    #expect(outcome.errorText.contains("127.0.0.1:\(port)") && outcome.errorText.contains("(EADDRINUSE)"), outcome.said)
    #expect(outcome.errorText.contains(#""class":"unavailable""#), outcome.said)
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func whatOnlyAnEditMendsIsNot() async throws {
    let long = String(repeating: "a", count: 200)
    try daemon.folder.write(
      "state_folder: \(daemon.folder.path)/state\napi: {socket: \(daemon.folder.path)/\(long)}\n", as: "agent.yaml")
    try await daemon.start().outcome().expectFailure(Status.invalidConfiguration, saying: "107")
    let file = try daemon.folder.write("", as: "plain")
    try daemon.folder.write("state_folder: \(file)/state\n", as: "agent.yaml")
    try await daemon.start().outcome().expectFailure(Status.invalidConfiguration, saying: "(ENOTDIR)")
    try daemon.folder.write("state_folder: /proc/self/fdinfo/agent\n", as: "agent.yaml")
    try await daemon.start().outcome().expectFailure(Status.invalidConfiguration, saying: "(ENOENT)")
  }
}
