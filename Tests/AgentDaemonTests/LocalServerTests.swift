import AgentDaemon
import EventLoop
import Foundation
import Glibc
import Logging
import SecretBytes
import TestSupport
import Testing

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Runs a program to its end: its standard output and status.
private func program(_ arguments: [String]) throws -> (output: String, status: Int32) {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = arguments
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = FileHandle.nullDevice
  try process.run()
  let output = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return (String(decoding: output, as: UTF8.self), process.terminationStatus)
}

@Suite(.timeLimit(.minutes(15))) struct LocalServerTests {
  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  private func listen(
    _ server: LocalServer, _ path: String, readers: PeerRule = nobody, operators: PeerRule = nobody
  ) throws {
    try server.listen(unix: path, mode: 0o666, group: nil, readers: readers, operators: operators) {
      .text($0.isByOperator ? "operator" : "reader")
    }
  }

  // MARK: - curl

  @Test func curlPutsFiveMegabytesAndGetsAnAnswer() throws {
    let folder = ShortFolder()
    let bytes = Data((0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
    try bytes.write(to: URL(fileURLWithPath: folder.path("body")))
    for extra in [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], ["--http1.0"]] {
      let (output, asked) = try withServer { _, path, asked in
        let output = try await onThread {
          try program(
            ["curl", "-s", "-S", "--max-time", "30", "--unix-socket", path, "-T", folder.path("body")] + extra
              + ["http://localhost/v1/executions/x"]
          ).output
        }
        return (output, asked)
      }
      #expect(output == "PUT [\"v1\", \"executions\", \"x\"] 5000000\n")
      #expect(asked.all.first?.body == SecretBytes(Array(bytes)))
    }
  }

  @Test func curlSeesWhyALargeBodyIsRefused() throws {
    let folder = ShortFolder()
    try Data(count: 17_000_000).write(to: URL(fileURLWithPath: folder.path("body")))
    let output = try withServer { _, path, _ in
      try await onThread {
        try program([
          "curl", "-s", "--unix-socket", path, "-T", folder.path("body"), "-w", "%{http_code}", "http://localhost/x",
        ]).output
      }
    }
    #expect(output == "the request's body is too large\n413")
  }

  @Test func curlSeesAHeadAnswer() throws {
    let output = try withServer { _, path, _ in
      try await onThread { try program(["curl", "-s", "-I", "--unix-socket", path, "http://localhost/x"]) }
    }
    #expect(output.output.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(output.status == 0)
  }

  @Test func theClientIsAskedToGoOnBeforeItsBody() throws {
    let (first, rest) = try withServer { _, path, _ in
      try await onThread {
        let client = try RawClient(unix: path)
        client.send("PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n".utf8)
        let first = client.some()
        client.send("ab".utf8)
        return (first, client.answer())
      }
    }
    #expect(first == "HTTP/1.1 100 Continue\r\n\r\n")
    #expect(status(rest) == 200)
  }

  // MARK: - The socket file

  @Test func theFileHasTheModeAskedAndGoesWithTheServer() throws {
    let folder = ShortFolder()
    let path = folder.path("s")
    let loop = try EventLoop()
    try loop.run { () async -> Result<Void, any Error> in
      let server = LocalServer(loop: loop, log: quiet)
      let result = Result { try listen(server, path) }
      #expect(mode(path) == 0o666)
      await server.close()
      return result
    }.get()
    #expect(mode(path) == 0)
  }

  @Test func theFileIsGivenToItsGroup() throws {
    guard geteuid() == 0 else {
      return
    }
    let folder = ShortFolder()
    let path = folder.path("s")
    let loop = try EventLoop()
    let server = LocalServer(loop: loop, log: quiet)
    try server.listen(unix: path, mode: 0o660, group: 4321, readers: nobody, operators: nobody) { _ in .text("") }
    var information = stat()
    #expect(lstat(path, &information) == 0)
    #expect(information.st_gid == 4321)
    #expect(information.st_uid == geteuid())
    #expect(information.st_mode & 0o7777 == 0o660)
    loop.run { await server.close() }
  }

  @Test func aStaleSocketIsReplacedAndALiveOneIsNot() throws {
    let folder = ShortFolder()
    let path = folder.path("s")
    // A socket that was bound and left, as by SIGKILL.
    let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    #expect(bound == 0)
    close(left)
    let loop = try EventLoop()
    let first = LocalServer(loop: loop, log: quiet)
    let second = LocalServer(loop: loop, log: quiet)
    try listen(first, path)
    let fault = #expect(throws: LocalServerFault.self) { try listen(second, path) }
    #expect(fault?.description.contains("another process listens there") == true)
    loop.run {
      await second.close()
      #expect(mode(path) == 0o666)
      await first.close()
    }
  }

  @Test func whatIsNoSocketIsLeftAlone() throws {
    let folder = ShortFolder()
    try Data("kept".utf8).write(to: URL(fileURLWithPath: folder.path("file")))
    symlink("nowhere", folder.path("link"))
    let loop = try EventLoop()
    let server = LocalServer(loop: loop, log: quiet)
    for name in ["file", "link"] {
      let fault = #expect(throws: LocalServerFault.self) { try listen(server, folder.path(name)) }
      #expect(fault?.description.contains("something that is no socket stands there") == true)
    }
    #expect(try String(contentsOfFile: folder.path("file"), encoding: .utf8) == "kept")
  }

  @Test func pathsThatCannotBeASocketsAreRefused() throws {
    let folder = ShortFolder()
    let loop = try EventLoop()
    let server = LocalServer(loop: loop, log: quiet)
    for path in ["", "/tmp/a\0b", "/tmp/" + String(repeating: "a", count: 200), folder.path("none/s")] {
      #expect(throws: LocalServerFault.self) { try listen(server, path) }
    }
  }

  @Test func aSocketFileOfAnotherIsNotTakenAwayAtTheEnd() throws {
    let folder = ShortFolder()
    let path = folder.path("s")
    let loop = try EventLoop()
    let first = LocalServer(loop: loop, log: quiet)
    let second = LocalServer(loop: loop, log: quiet)
    try listen(first, path)
    unlink(path)
    try listen(second, path)
    loop.run {
      await first.close()
      #expect(mode(path) == 0o666)
      await second.close()
    }
    #expect(mode(path) == 0)
  }

  // MARK: - Who may

  /// Runs curl as another user, which root alone can.
  @Test(
    .enabled(if: geteuid() == 0),
    arguments: [
      ([], [], "12345", "12345", "", 403), ([12345], [], "12345", "12345", "", 200),
      ([], [12345], "12346", "12345", "", 200),
      ([], [777], "12346", "12345", "776,777", 200),
      ([], [777], "12346", "12345", "776", 403), ([12346], [777], "12345", "12345", "", 403),
    ] as [(Set<uid_t>, Set<gid_t>, String, String, String, Int)])
  func peersAreLetInByUserAndGroup(
    _ users: Set<uid_t>, _ groups: Set<gid_t>, _ user: String, _ group: String, _ more: String, _ expected: Int
  ) throws {
    let rule = PeerRule(users: users, groups: groups)
    let identity =
      ["--reuid", user, "--regid", group] + (more.isEmpty ? ["--clear-groups"] : ["--groups", more])
    let reader = try answer(to: identity, readers: rule, operators: nobody)
    #expect(reader == (expected == 200 ? "reader\n 200" : "this user may not use the local API\n 403"))
    let both = try answer(to: identity, readers: nobody, operators: rule)
    #expect(both == (expected == 200 ? "operator\n 200" : "this user may not use the local API\n 403"))
  }

  @Test func theAgentsOwnUserIsAnOperator() throws {
    #expect(try answer(to: nil, readers: nobody, operators: nobody) == "operator\n 200")
  }

  private func answer(to identity: [String]?, readers: PeerRule, operators: PeerRule) throws -> String {
    let folder = ShortFolder()
    let path = folder.path("s")
    let loop = try EventLoop()
    return try loop.run { () async -> Result<String, any Error> in
      let server = LocalServer(loop: loop, log: quiet)
      do {
        try listen(server, path, readers: readers, operators: operators)
        let output = try await onThread {
          try program(
            (identity.map { ["setpriv"] + $0 } ?? []) + [
              "curl", "-s", "--unix-socket", path, "-d", String(repeating: "a", count: 100_000), "-w", " %{http_code}",
              "http://localhost/x",
            ]
          ).output
        }
        await server.close()
        return .success(output)
      } catch {
        await server.close()
        return .failure(error)
      }
    }.get()
  }

  // MARK: - Answers

  @Test func answersSayWhatTheyAre() throws {
    let handler: LocalServer.Handler = { request in
      request.path == ["method"] ? .methodNotAllowed(["GET", "PUT"]) : .json(SecretBytes("{}"), status: 201)
    }
    let answers = try withServer(handler: handler) { _, path, _ in
      try await onThread {
        try ["method", "json"].map { name in
          let client = try RawClient(unix: path)
          client.send("GET /\(name) HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
          return client.answer() ?? ""
        }
      }
    }
    #expect(answers.map(status) == [405, 201])
    #expect(answers[0].contains("\r\nAllow: GET, PUT\r\n"))
    #expect(answers[1].contains("\r\nContent-Type: application/json\r\n") && body(answers[1]) == "{}")
  }
}
