import AgentDaemon
import AgentVersion
import ArgumentParser
import Dispatch
import EventLoop
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Synchronization

@main
struct SecretsAgentCSI: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secrets-agent-csi",
    abstract: "The agent as a provider of the Secrets Store CSI driver.",
    discussion: """
      Serves v1alpha1.CSIDriverProvider for the driver on this node, and asks the daemon for values at its value socket \
      (values: {} in agent.yaml).
      """,
    version: agentVersion)

  @Option(help: ArgumentHelp("The Unix socket that the driver finds the provider by.", valueName: "path"))
  var socket = "/var/run/secrets-store-csi-providers/secrets-agent.sock"

  @Option(help: ArgumentHelp("The daemon's value socket.", valueName: "path"))
  var values = AgentConfiguration.Values.defaultSocket

  func run() async throws {
    let loop = try LoopOnThread.start()
    let service = ProviderService(daemon: ValueClient(socket: values, loop: loop), loop: loop)
    let transport = HTTP2ServerTransport.Posix(
      address: .unixDomainSocket(path: try ProviderSocket.prepare(socket)), transportSecurity: .plaintext)
    let server = GRPCServer(transport: transport, services: [service])
    let signals = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler { server.beginGracefulShutdown() }
      source.resume()
      return source
    }
    defer {
      for source in signals {
        source.cancel()
      }
      unlink(socket)
    }
    try await server.serve()
  }
}

/// The socket's place: what an earlier life left there goes, and only who runs the driver can connect.
enum ProviderSocket {
  static func prepare(_ path: String) throws -> String {
    var status = stat()
    if lstat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFSOCK else {
        throw ValidationError("\(path) is there and no socket; remove it, or choose another --socket")
      }
      unlink(path)
    }
    // The driver runs as root; its socket folder is the node's.
    umask(0o177)
    return path
  }
}

/// The agent's own loop beside gRPC's threads.
enum LoopOnThread {
  static func start() throws -> EventLoop {
    let loop = try EventLoop()
    let thread = Thread { loop.run { try? await loop.sleep(until: Moment(nanoseconds: .max)) } }
    thread.start()
    return loop
  }
}
