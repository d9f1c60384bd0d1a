import Foundation
import TestSupport
import Testing

@testable import secrets_agent_csi

/// Where the provider listens, beside whatever else is there.
@Suite(.timeLimit(.minutes(15))) struct ProviderSocketTests {
  private func fault(_ path: String) -> String {
    do throws(ProviderSocket.Fault) {
      _ = try ProviderSocket(at: path)
      return ""
    } catch {
      return error.description
    }
  }

  @Test func whereItCannotListenIsSaidInWords() throws {
    let folder = try ScratchFolder()
    let file = try folder.write("", as: "file")
    #expect(
      fault("\(folder.path)/no/x.sock")
        == "--socket \(folder.path)/no/x.sock: \(folder.path)/no: No such file or directory (ENOENT); create it, or mount it into the container"
    )
    #expect(fault("x.sock").contains("write an absolute path"))
    #expect(fault("/" + String(repeating: "x", count: 96)).contains("at most 96 bytes"))
    #expect(fault(file).contains("something that is no socket stands there"))
    #expect(folder.exists("file"))
    #expect(fault("\(folder.path)/x.sock") == "")
  }

  @Test func theSocketOfOneThatRunsIsLeftAlone() async throws {
    try await onThread {
      let folder = try ScratchFolder()
      let path = "\(folder.path)/provider.sock"
      let first = try Self.provider(path)
      defer { kill(first.processIdentifier, SIGKILL) }
      try Self.listens(first, path)
      let socket = Self.file(path)
      let second = try Self.provider(path)
      let said = Self.end(second)
      #expect(second.terminationStatus == 73)
      #expect(said == "error: --socket \(path): another process listens there; stop it, or choose another path\n")
      #expect(Self.file(path) == socket)
      first.terminate()
      _ = Self.end(first)
      #expect(first.terminationStatus == 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test func whatAnEarlierLifeLeftGoesAndAnothersPlaceStays() async throws {
    try await onThread {
      let folder = try ScratchFolder()
      let path = "\(folder.path)/provider.sock"
      let killed = try Self.provider(path)
      try Self.listens(killed, path)
      kill(killed.processIdentifier, SIGKILL)
      _ = Self.end(killed)
      let stale = try #require(Self.file(path))
      let next = try Self.provider(path)
      defer { kill(next.processIdentifier, SIGKILL) }
      try Self.listens(next, path)
      #expect(Self.file(path) != stale)
      // Somebody took the place: it is not for the one that ends to clear it.
      try FileManager.default.removeItem(atPath: path)
      try folder.write("another's", as: "provider.sock")
      next.terminate()
      _ = Self.end(next)
      #expect(try folder.text(of: "provider.sock") == "another's")
    }
  }

  private static func provider(_ path: String) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("secrets-agent-csi")
    process.arguments = ["--socket", path, "--values", "/nonexistent/values.sock"]
    process.standardInput = FileHandle.nullDevice
    process.standardError = Pipe()
    try process.run()
    return process
  }

  /// Returns once somebody can connect.
  private static func listens(_ process: Process, _ path: String) throws {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    try #require(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path))
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    var isConnected = false
    while !isConnected {
      try #require(process.isRunning)
      usleep(10_000)
      let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      isConnected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(client, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
        }
      }
      close(client)
    }
  }

  /// What it said on standard error, to its end.
  private static func end(_ process: Process) -> String {
    let output = process.standardError as? Pipe
    let said = (try? output?.fileHandleForReading.readToEnd()) ?? Data()
    process.waitUntilExit()
    return String(decoding: said, as: UTF8.self)
  }

  /// What stands at `path`, by its number.
  private static func file(_ path: String) -> ino_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_ino : nil
  }
}
