import Foundation
import SecretBytes
import Testing

@testable import Delivery

@Suite(.serialized) struct ChildProcessTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func environment(_ variables: [String: String] = [:]) -> ProcessEnvironment {
    var environment = ProcessEnvironment()
    environment.set("PATH", SecretBytes("/usr/bin:/bin"))
    for (name, value) in variables {
      environment.set(name, SecretBytes(value))
    }
    return environment
  }

  /// Waits for the child outside of the type under test, which never waits; the status stays for ``ChildProcess/reap()``.
  private func end(of child: inout ChildProcess) -> ChildStatus? {
    var information = siginfo_t()
    while waitid(P_PID, id_t(child.pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    return child.reap()
  }

  private func exitStatus(_ arguments: [String], _ environment: ProcessEnvironment) throws -> ChildStatus? {
    var child = try ChildProcess.spawn(arguments, environment: environment)
    return end(of: &child)
  }

  @Test func theChildHasItsEnvironmentAndNothingElse() throws {
    var environment = environment(["KEPT": "base", "A": "old"])
    let bytes: [UInt8] = [0x27, 0x0a, 0xff, 0x24, 0x3d, 0x01]
    try environment.add([
      DeliveredSecret(name: "A", value: SecretBytes("new")), DeliveredSecret(name: "BYTES", value: SecretBytes(bytes)),
      DeliveredSecret(name: "EMPTY", value: SecretBytes()),
      DeliveredSecret(name: "LONG", value: SecretBytes(repeatElement(0x78, count: 131_066))),
    ])
    let out = folder.path("out")
    #expect(try exitStatus(["sh", "-c", "exec cat /proc/self/environ > \(out)"], environment) == .exited(0))
    var entries = Set(try content(out).split(separator: 0).map { Array($0) })
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

  @Test func unfitSecretsAreRefusedByName() throws {
    var environment = environment()
    let faults = try #require(throws: DeliveryFaults.self) {
      try environment.add([
        DeliveredSecret(name: "A-B", value: SecretBytes("x")), DeliveredSecret(name: "NUL", value: SecretBytes([0])),
        DeliveredSecret(name: "LONG", value: SecretBytes(repeatElement(0x78, count: 131_067))),
        DeliveredSecret(name: "TWICE", value: SecretBytes("x")),
        DeliveredSecret(name: "TWICE", value: SecretBytes("y")),
      ])
    }
    #expect(faults.faults.count == 4)
    #expect(environment["TWICE"] == nil)
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
      let status = try exitStatus(["sh", "-c", "exit \(code)"], environment())
      #expect(status == .exited(code))
      #expect(status?.shellStatus == code)
    }
    for number in [SIGTERM, SIGKILL, SIGINT] {
      let status = try exitStatus(["sh", "-c", "kill -\(number) $$"], environment())
      #expect(status == .signalled(number))
      #expect(status?.shellStatus == 128 + number)
    }
  }

  @Test func whatCannotRunHasTheStatusOfEnv() throws {
    let plain = folder.path("plain")
    try Data("text".utf8).write(to: URL(fileURLWithPath: plain))
    var environment = environment()
    environment.set("PATH", SecretBytes(folder.root + ":/usr/bin"))
    for (command, status) in [
      ("no-such-command", 127), ("/no/such/command", 127), ("plain", 126), (plain, 126), (folder.root, 126), ("", 127),
      (plain + "/x", 127),
    ] as [(String, Int32)] {
      do throws(SpawnFault) {
        _ = try ChildProcess.spawn([command], environment: environment)
        Issue.record("\(command) ran")
      } catch {
        #expect(error.exitStatus == status, "\(command): \(error)")
      }
    }
    #expect(throws: SpawnFault.self) { _ = try ChildProcess.spawn([], environment: environment) }
  }

  @Test func theCommandIsFoundByThePathOfItsOwnEnvironment() throws {
    let bin = try folder.makeFolder("bin")
    let blocked = try folder.makeFolder("blocked")
    let script = "#!/bin/sh\nexit 7\n"
    try Data(script.utf8).write(to: URL(fileURLWithPath: bin + "/probe"))
    chmod(bin + "/probe", 0o700)
    try Data("x".utf8).write(to: URL(fileURLWithPath: blocked + "/probe"))
    var environment = ProcessEnvironment()
    environment.set("PATH", SecretBytes("/none:\(blocked):\(bin)"))
    #expect(try exitStatus(["probe"], environment) == .exited(7))
    environment.remove("PATH")
    #expect(try exitStatus(["true"], environment) == .exited(0))
    // A script without a first line goes to sh, as from a shell.
    try Data("exit 8\n".utf8).write(to: URL(fileURLWithPath: bin + "/bare"))
    chmod(bin + "/bare", 0o700)
    #expect(try exitStatus([bin + "/bare"], environment) == .exited(8))
  }

  @Test func reapingDoesNotWaitAndSignalsArrive() throws {
    var child = try ChildProcess.spawn(["sleep", "600"], environment: environment())
    #expect(child.reap() == nil)
    #expect(child.status == nil)
    let isThere = child.signal(0)
    #expect(isThere)
    let isAsked = child.terminate()
    #expect(isAsked)
    #expect(end(of: &child) == .signalled(SIGTERM))
    #expect(child.reap() == .signalled(SIGTERM))
    let isSent = child.signal(SIGTERM)
    #expect(!isSent, "a reaped child's number may be another's")
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
    let out = folder.path("status")
    // grep and not sh, which would change what it reports.
    #expect(try exitStatus(["sh", "-c", "exec grep Sig /proc/self/status > \(out)"], environment()) == .exited(0))
    let lines = String(decoding: try content(out), as: UTF8.self).split(separator: "\n")
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
    let child = try ChildProcess.spawn(["sleep", "600"], environment: environment())
    #expect(getpgid(child.pid) == getpgrp())
    child.signal(SIGKILL)
    var gone = child
    #expect(end(of: &gone) == .signalled(SIGKILL))
  }

  @Test func aChildReapedElsewhereIsUnknown() throws {
    var child = try ChildProcess.spawn(["true"], environment: environment())
    var status: Int32 = 0
    while waitpid(child.pid, &status, 0) < 0, errno == EINTR {}
    #expect(child.reap() == .unknown)
    #expect(ChildStatus.unknown.shellStatus == 1)
  }
}
