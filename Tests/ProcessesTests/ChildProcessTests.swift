import EventLoop
import Files
import Foundation
import SecretBytes
import TestSupport
import Testing

@testable import Processes

@Suite(.serialized) struct ChildProcessTests {
  private let folder: ScratchFolder
  private let loop: EventLoop

  init() throws {
    folder = try ScratchFolder()
    loop = try EventLoop()
  }

  private func environment(_ variables: [String: String] = [:]) -> ProcessEnvironment {
    var environment = ProcessEnvironment()
    environment.set("PATH", SecretBytes("/usr/bin:/bin"))
    for (name, value) in variables {
      environment.set(name, SecretBytes(value))
    }
    return environment
  }

  private func start(_ arguments: [String], _ environment: ProcessEnvironment? = nil) throws -> ChildProcess {
    try ChildProcess.start(arguments, environment: environment ?? self.environment(), on: loop)
  }

  private func end(of child: ChildProcess) -> ChildStatus { loop.run { await child.ended() } }

  private func exitStatus(_ arguments: [String], _ environment: ProcessEnvironment? = nil) throws -> ChildStatus {
    end(of: try start(arguments, environment))
  }

  private func content(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: folder.file(name))) }

  /// A file with execute permission. Another process writes it: what this one has open to write, a child that another
  /// test starts at that time has too, and then it does not run (ETXTBSY).
  private func script(_ text: String, as name: String) throws {
    let source = try folder.write(text, as: "source")
    #expect(try exitStatus(["install", "-m", "700", source, folder.file(name).path]) == .exited(0))
  }

  @Test func theChildHasItsEnvironmentAndNothingElse() throws {
    var environment = environment(["KEPT": "base", "A": "old"])
    let bytes: [UInt8] = [0x27, 0x0a, 0xff, 0x24, 0x3d, 0x01]
    environment.set([
      ("A", SecretBytes("new")), ("BYTES", SecretBytes(bytes)), ("EMPTY", SecretBytes()),
      ("LONG", SecretBytes(repeatElement(0x78, count: 131_066))),
    ])
    let out = folder.file("out").path
    #expect(try exitStatus(["sh", "-c", "exec cat /proc/self/environ > \(out)"], environment) == .exited(0))
    var entries = Set(try content("out").split(separator: 0).map { Array($0) })
    for noise in ["PWD=", "OLDPWD=", "_=", "SHLVL="] {
      entries = entries.filter { !$0.starts(with: noise.utf8) }
    }
    #expect(
      entries == [
        Array("PATH=/usr/bin:/bin".utf8), Array("KEPT=base".utf8), Array("A=new".utf8), Array("BYTES=".utf8) + bytes,
        Array("EMPTY=".utf8),
        Array("LONG=".utf8) + repeatElement(0x78, count: 131_066),
      ])
  }

  @Test func theInheritedEnvironmentIsCopiedByteForByte() {
    setenv("DELIVERY_TESTS_INHERITED", "a=b'\u{e9}\n", 1)
    defer { unsetenv("DELIVERY_TESTS_INHERITED") }
    var environment = ProcessEnvironment.inherited()
    #expect(environment["DELIVERY_TESTS_INHERITED"] == SecretBytes("a=b'\u{e9}\n"))
    #expect(environment["DELIVERY_TESTS_INHERITE"] == nil)
    environment.remove("DELIVERY_TESTS_INHERITED")
    #expect(environment["DELIVERY_TESTS_INHERITED"] == nil)
  }

  @Test func exitStatusesAreAsAShellGivesThem() throws {
    for code: Int32 in [0, 1, 42, 255] {
      let status = try exitStatus(["sh", "-c", "exit \(code)"])
      #expect(status == .exited(code))
      #expect(status.shellStatus == code)
    }
    // SIGINT is not among them: where the tests run in a shell's background it is ignored, and children inherit that.
    for number in [SIGTERM, SIGKILL, SIGUSR1] {
      let status = try exitStatus(["sh", "-c", "kill -\(number) $$"])
      #expect(status == .signalled(number))
      #expect(status.shellStatus == 128 + number)
    }
  }

  @Test func whatCannotRunHasTheStatusOfEnv() throws {
    let plain = try folder.write("text", as: "plain")
    var environment = environment()
    environment.set("PATH", SecretBytes(folder.path + ":/usr/bin"))
    for (command, status, words) in [
      ("no-such-command", 127, "no such command"), ("/no/such/command", 127, "no such command"),
      ("plain", 126, "the execute bit"), (plain, 126, "the execute bit"), (folder.path, 126, "the execute bit"),
      ("", 127, "there is no command"), (plain + "/x", 127, "no such command"),
      ("a\0b", 126, "the command cannot be started: Invalid argument (EINVAL)"),
    ] as [(String, Int32, String)] {
      let fault = try #require(throws: SpawnFault.self) { try start([command], environment) }
      #expect(fault.exitStatus == status, "\(fault)")
      #expect(fault.description.contains(words), "\(fault)")
    }
    #expect(throws: SpawnFault("", ENOENT)) { try start([], environment) }
  }

  @Test func theCommandIsFoundByThePathOfItsOwnEnvironment() throws {
    let (bin, blocked) = (folder.file("bin").path, folder.file("blocked").path)
    mkdir(bin, 0o700)
    mkdir(blocked, 0o700)
    try script("#!/bin/sh\nexit 7\n", as: "bin/probe")
    try folder.write("x", as: "blocked/probe")
    var environment = ProcessEnvironment()
    environment.set("PATH", SecretBytes("/none:\(blocked):\(bin)"))
    #expect(try exitStatus(["probe"], environment) == .exited(7))
    environment.remove("PATH")
    #expect(try exitStatus(["true"], environment) == .exited(0))
    // A script without a first line goes to sh, as from a shell.
    try script("exit 8\n", as: "bin/bare")
    #expect(try exitStatus([bin + "/bare"], environment) == .exited(8))
  }

  @Test func startingDoesNotWaitAndSignalsArrive() throws {
    let child = try start(["sleep", "600"])
    #expect(child.status == nil)
    #expect(child.signal(0))
    #expect(child.signal(SIGTERM))
    #expect(end(of: child) == .signalled(SIGTERM))
    #expect(child.status == .signalled(SIGTERM))
    #expect(end(of: child) == .signalled(SIGTERM), "whoever asks later is told as well")
    #expect(!child.signal(SIGTERM), "a reaped child's number may be another's")
    #expect(!child.endGroup(by: SIGTERM))
  }

  @Test func itHasNoDescriptorOfOurs() throws {
    let path = try folder.write("x", as: "held open")
    let held = try FileDescriptor(path, O_RDONLY, "cannot open the file")
    let out = folder.file("out").path
    #expect(try exitStatus(["sh", "-c", "ls -l /proc/self/fd > \(out)"]) == .exited(0))
    let isHeld = held.lock()
    #expect(isHeld)
    #expect(!String(decoding: try content("out"), as: UTF8.self).contains("held open"))
  }

  @Test func signalsAreUnblockedAndAtTheirDefaultsInTheChild() throws {
    var blocked = sigset_t()
    var earlier = sigset_t()
    sigemptyset(&blocked)
    for number in [SIGTERM, SIGINT, SIGCHLD, SIGHUP] {
      sigaddset(&blocked, number)
    }
    pthread_sigmask(SIG_BLOCK, &blocked, &earlier)
    let pipe = signal(SIGPIPE, SIG_IGN)
    let hangUp = signal(SIGHUP, SIG_IGN)
    // Who runs the tests may ignore these two, and then they stay ignored as well.
    let others = [SIGINT, SIGQUIT].map { ($0, signal($0, SIG_DFL)) }
    defer {
      for (number, disposition) in others {
        signal(number, disposition)
      }
      signal(SIGHUP, hangUp)
      signal(SIGPIPE, pipe)
      pthread_sigmask(SIG_SETMASK, &earlier, nil)
    }
    let out = folder.file("status").path
    // grep and not sh, which would change what it reports.
    #expect(try exitStatus(["sh", "-c", "exec grep Sig /proc/self/status > \(out)"]) == .exited(0))
    let lines = String(decoding: try content("status"), as: UTF8.self).split(separator: "\n")
    func mask(_ name: String) throws -> UInt64 {
      let line = try #require(lines.first { $0.hasPrefix(name) })
      return try #require(UInt64(line.split(separator: "\t").last ?? "", radix: 16))
    }
    #expect(try mask("SigBlk") == 0)
    // glibc's posix_spawn leaves its own two real-time signals ignored.
    let internalSignals: UInt64 = 0b11 << 31
    #expect(
      try mask("SigIgn") & ~internalSignals == 1 << UInt64(SIGHUP - 1),
      "what our starter ignores stays ignored, and only that")
  }

  @Test func theChildStaysInTheProcessGroup() throws {
    let child = try start(["sleep", "600"])
    #expect(getpgid(child.pid) == getpgrp())
    child.signal(SIGKILL)
    #expect(end(of: child) == .signalled(SIGKILL))
  }

  @Test func aChildReapedElsewhereIsUnknown() throws {
    let child = try start(["true"])
    var status: Int32 = 0
    while waitpid(child.pid, &status, 0) < 0, errno == EINTR {}
    #expect(end(of: child) == .unknown)
    #expect(ChildStatus.unknown.shellStatus == 1)
  }
}
