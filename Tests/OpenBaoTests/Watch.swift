import Foundation
import Glibc
import TestSupport

/// Runs one OpenBao server under a shell that kills it when the test process lets go of a pipe.
///
/// The kernel closes the pipe however the test process ends, a crash and SIGKILL included, and no thread's end can
/// be mistaken for it as with PR_SET_PDEATHSIG, which Swift's pool of threads would set off.
final class Watch: Sendable {
  private let pipeEnd: Int32
  private let pid: pid_t
  private let log: URL

  /// The shell's whole work. It reads a pipe on which nothing is ever written; its end is the sign.
  private static let script = """
    trap '' INT TERM HUP
    log=$1 folder=$2; shift 2
    "$@" </dev/null >"$log" 2>&1 &
    server=$!
    read -r _
    kill -KILL "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    rm -rf "$folder"
    """

  init(_ arguments: [String], folder: ScratchFolder) throws {
    log = folder.file("server.log")
    try Data().write(to: log)

    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Broken("no pipe: \(String(cString: strerror(errno)))") }
    ends.forEach(closeOnExec)
    defer { close(ends[0]) }
    pipeEnd = ends[1]
    // A small environment: what the machine's own says of proxies or of a Vault must not reach the server.
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    do {
      pid = try spawn(
        ["sh", "-c", Self.script, "sh", log.path, folder.path, OpenBao.executable ?? ""] + arguments,
        environment: ["PATH": path, "HOME": folder.path], descriptors: .reading(ends[0]))
    } catch {
      close(pipeEnd)
      throw error
    }
  }

  deinit {
    close(pipeEnd)
    waitpid(pid, nil, 0)
  }

  /// Asks `isReady` again and again, until it is or the server's log says that it gave up.
  func waitUntilReady(_ isReady: () async throws -> Bool) async throws {
    while true {
      if try await isReady() { return }
      let said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
      if said.hasPrefix("Error ") || said.contains("\nError ") {
        throw ServerFault.endedBeforeItWasReady(log: said)
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }
}
