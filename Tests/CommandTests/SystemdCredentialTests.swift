import Foundation
import Glibc
import TestSupport
import Testing

/// The daemon's credential socket, read by systemd's own code.
@Suite(
  .enabled(if: SystemdClient.lacks == nil, Comment(rawValue: SystemdClient.lacks ?? "")), .timeLimit(.minutes(15)))
struct SystemdCredentialTests {
  private let fakes: Fakes

  init() throws {
    fakes = try Fakes()
  }

  private func daemon(_ credentials: String = "", _ more: String = "") throws -> (daemon: RunningDaemon, socket: String)
  {
    let daemon = try RunningDaemon()
    let socket = daemon.folder.file("credentials.sock").path
    try daemon.configure(more: "credentials: {socket: \(socket), \(credentials)}\n\(more)")
    return (daemon, socket)
  }

  private func listens(_ run: Run, _ daemon: RunningDaemon) async throws -> Bool {
    try await daemon.reach(run) { daemon.folder.exists("credentials.sock") }
  }

  /// The demo's document as the job of this name.
  private func job(_ name: String) -> JSON {
    demo(fakes.address).with([("name", .string(name))])
  }

  private func end(_ run: Run) async throws -> Outcome {
    run.send(SIGTERM)
    return try await run.outcome()
  }

  @Test func systemdReadsACredentialTheEnvFileAndARotatedValue() async throws {
    let (daemon, socket) = try daemon()
    let run = try daemon.start()
    #expect(try await listens(run, daemon))
    try daemon.drop(job("web"), as: "e-1")
    // No generation is waited for here: the daemon does that.
    let first = try await SystemdClient.read(
      ["web.service/DB_PASSWORD", "web.service/API_KEY", "web.service/env"], from: socket, in: daemon.folder)
    #expect(first.map(\.result) == [0, 0, 0])
    #expect(first[0].text == "correct horse battery staple")
    #expect(first[1].text == "demo-api-key-0123456789")
    #expect(first[2].text == daemon.generation(of: "e-1")?[".env"])

    try await fakes.put("secret", "web/db", ["username": "web", "password": "rotated"])
    #expect(try await daemon.command("refresh", "e-1", "DB_PASSWORD").status == Status.done)
    #expect(try await daemon.reach(run) { daemon.generation(of: "e-1")?["DB_PASSWORD"] == "rotated" })
    let second = try await SystemdClient.read(["web.service/DB_PASSWORD"], from: socket, in: daemon.folder)
    #expect(second == [.init(result: 0, text: "rotated")])

    // What was delivered stays while the store is away.
    try await fakes.add("status", "500")
    let third = try await SystemdClient.read(["web.service/API_KEY"], from: socket, in: daemon.folder)
    #expect(third == [.init(result: 0, text: "demo-api-key-0123456789")])
    let outcome = try await end(run)
    #expect(!outcome.errorText.contains("rotated") && !outcome.errorText.contains("demo-api-key"))
    #expect(!daemon.folder.exists("credentials.sock"))
  }

  @Test func theMapCountsBeforeAJobsName() async throws {
    let (daemon, socket) = try daemon("units: {web.service: e-2, batch.timer: e-1}")
    let run = try daemon.start()
    #expect(try await listens(run, daemon))
    try daemon.drop(job("web"), as: "e-1")
    try daemon.drop(lone(fakes.address).with([("name", "other")]), as: "e-2")
    let answers = try await SystemdClient.read(
      ["web.service/env", "batch.timer/API_KEY"], from: socket, in: daemon.folder)
    #expect(answers[0].text.contains("DB_PASSWORD") && !answers[0].text.contains("API_KEY"))
    #expect(answers[1] == .init(result: 0, text: "demo-api-key-0123456789"))
    _ = try await end(run)
  }

  @Test func whatCannotBeGivenIsAnEmptyAnswerAndALineInTheLog() async throws {
    let (daemon, socket) = try daemon("wait: 1s, units: {mapped.service: e-9}", "")
    let run = try daemon.start()
    #expect(try await listens(run, daemon))
    try daemon.drop(job("web"), as: "e-1")
    try daemon.drop(job("twice"), as: "e-2")
    try daemon.drop(job("twice"), as: "e-3")
    #expect(try await daemon.reach(run) { ["e-1", "e-2", "e-3"].allSatisfy { daemon.generation(of: $0) != nil } })
    let answers = try await SystemdClient.read(
      [
        "nobody.service/DB_PASSWORD", "mapped.service/DB_PASSWORD", "twice.service/DB_PASSWORD", "web.service/NO_SUCH",
        "@0/crypt/web.service/DB_PASSWORD", "@0/unit/web.service", "@/unit/web.service/DB_PASSWORD",
      ], from: socket, in: daemon.folder)
    #expect(answers == Array(repeating: .init(result: 0, text: ""), count: 7))
    let outcome = try await end(run)
    for line in [
      "unit=nobody.service", "no execution has job_spec.name nobody, and credentials.units names none for the unit",
      "there is no execution e-9, which credentials.units names",
      "2 executions have that name (e-2, e-3); name one in credentials.units",
      "execution e-1 has no secret of that name", "address=@0/crypt/web.service/DB_PASSWORD",
      "the peer's address names no unit and credential",
    ] {
      #expect(outcome.errorText.contains(line), "\(line): \(outcome.said)")
    }
  }

  /// A node that starts waits for many of its units at once.
  @Test func aCredentialThatIsThereWaitsForNobody() async throws {
    let (daemon, socket) = try daemon("wait: 1h")
    let run = try daemon.start()
    #expect(try await listens(run, daemon))
    try daemon.drop(job("web"), as: "e-1")
    #expect(try await daemon.reach(run) { daemon.generation(of: "e-1") != nil })
    let others = try await onThread { try (0..<400).map { try Self.connect("nobody\($0).service/A", to: socket) } }
    defer { for other in others { close(other) } }
    let answers = try await SystemdClient.read(["web.service/DB_PASSWORD"], from: socket, in: daemon.folder)
    #expect(answers == [.init(result: 0, text: "correct horse battery staple")])
    _ = try await end(run)
  }

  /// As systemd does for `name`; the answer is read by nobody.
  private static func connect(_ name: String, to path: String) throws -> Int32 {
    let connection = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    for (address, call) in [
      ("\0\(uniqueName())/unit/\(name)", Glibc.bind), (path, Glibc.connect),
    ] as [(String, (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32)] {
      var bytes = sockaddr_un()
      bytes.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &bytes.sun_path) { $0.copyBytes(from: address.utf8) }
      let count = (MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 0) + address.utf8.count
      let result = withUnsafePointer(to: &bytes) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(connection, $0, socklen_t(count)) }
      }
      guard result == 0 else { throw Broken("\(name): \(String(cString: strerror(errno)))") }
    }
    shutdown(connection, Int32(SHUT_WR))
    return connection
  }

  /// Only root can become another user.
  @Test(.enabled(if: geteuid() == 0))
  func aPeerThatIsNotRootGetsNothing() async throws {
    let (daemon, socket) = try daemon()
    let run = try daemon.start()
    #expect(try await listens(run, daemon))
    try daemon.drop(job("web"), as: "e-1")
    #expect(try await daemon.reach(run) { daemon.generation(of: "e-1") != nil })
    var status = stat()
    #expect(stat(socket, &status) == 0 && status.st_mode & 0o777 == 0o600)
    // Even where somebody opened the way to it.
    chmod(daemon.folder.path, 0o755)
    chmod(socket, 0o666)
    let answers = try await SystemdClient.read(
      ["web.service/DB_PASSWORD"], from: socket, as: "65534", in: daemon.folder)
    #expect(answers.allSatisfy { $0.text.isEmpty })
    let own = try await SystemdClient.read(["web.service/DB_PASSWORD"], from: socket, in: daemon.folder)
    #expect(own == [.init(result: 0, text: "correct horse battery staple")])
    let outcome = try await end(run)
    #expect(
      outcome.errorText.contains(#"message="credential refused" reason="only root loads credentials" uid=65534"#),
      "\(outcome.said)")
  }
}
