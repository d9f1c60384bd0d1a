import Foundation
import Glibc
import TestSupport
import Testing

/// Where the tests find OpenBao. Without it they are skipped, and say how to get them to run.
enum OpenBao {
  static let executable = ProcessInfo.processInfo.environment["SECRETS_AGENT_BAO"].flatMap { $0.isEmpty ? nil : $0 }
  static let whySkipped: Comment =
    "SECRETS_AGENT_BAO does not name OpenBao's executable; `make test` installs one and sets it"
}

/// Everything that runs the built executable against real OpenBao servers.
@Suite(.enabled(if: OpenBao.executable != nil, OpenBao.whySkipped), .timeLimit(.minutes(15)))
struct OpenBaoTests {}

enum ServerFault: Error {
  case endedBeforeItWasReady(log: String)
}

/// An OpenBao server that lives as long as this value, and never longer than the test process.
final class OpenBaoServer: Sendable {
  let address: String
  let root: OpenBaoClient
  let folder: ScratchFolder
  private let watch: Watch

  init(address: String, root: OpenBaoClient, folder: ScratchFolder, watch: Watch) {
    self.address = address
    self.root = root
    self.folder = folder
    self.watch = watch
  }

  /// The development server that most tests share: HTTP, a KV v2 engine at `secret`, a KV v1 engine at `legacy`,
  /// AppRole at its default mount, the seed of `config/examples`, and an audit log.
  static func shared() async throws -> OpenBaoServer { try await development.value }

  private static let development = Task<OpenBaoServer, any Error> {
    let server = try await started()
    try await server.seedForExamples()
    return server
  }

  /// Starts a development server. It listens on the port after its own as well, so two in a row are looked for;
  /// where somebody takes one in between it says so and ends, and another pair is tried.
  private static func started() async throws -> OpenBaoServer {
    var lastFault: any Error = NoFreePorts()
    for _ in 0..<5 {
      let folder = try ScratchFolder()
      let port = try freePorts(inARow: 2)
      let token = uniqueName("root-")
      let config = try folder.write(auditStanza(folder), as: "server.hcl")
      let address = "http://127.0.0.1:\(port)"
      let watch = try Watch(
        [
          "server", "-dev", "-dev-no-store-token", "-dev-root-token-id=\(token)",
          "-dev-listen-address=127.0.0.1:\(port)", "-config=\(config)",
        ], folder: folder)
      let client = OpenBaoClient(address: address, token: token, folder: folder)
      do {
        try await watch.waitUntilReady { try await client.isUnsealed() }
        return OpenBaoServer(address: address, root: client, folder: folder, watch: watch)
      } catch {
        lastFault = error
      }
    }
    throw lastFault
  }

  static func auditStanza(_ folder: ScratchFolder) -> String {
    """
    audit "file" "requests" {
      options {
        file_path = "\(folder.file("audit.log").path)"
      }
    }

    """
  }

  /// The requests that the server wrote to its audit log for paths that begin so: operation and path.
  /// The log is written before the answer goes out, so a finished program's requests are all there.
  func requests(to prefix: String) throws -> [String] {
    struct Entry: Decodable {
      struct Request: Decodable {
        let operation: String
        let path: String
      }
      let type: String
      let request: Request
    }
    return try folder.text(of: "audit.log").split(separator: "\n").compactMap { line in
      guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line.utf8)),
        entry.type == "request", entry.request.path.hasPrefix(prefix)
      else { return nil }
      return "\(entry.request.operation) \(entry.request.path)"
    }
  }
}

func loopback(_ port: UInt16) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  return address
}
