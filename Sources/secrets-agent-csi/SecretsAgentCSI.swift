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
    var place: ProviderSocket
    do throws(ProviderSocket.Fault) {
      place = try ProviderSocket(at: socket)
    } catch {
      throw error.exit
    }
    // Only who runs the driver can connect, which is root.
    umask(0o177)
    place.prepare()
    let loop = try LoopOnThread.start()
    let service = ProviderService(daemon: ValueClient(socket: values, loop: loop), loop: loop)
    let transport = HTTP2ServerTransport.Posix(
      address: .unixDomainSocket(path: place.bound), transportSecurity: .plaintext)
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
      place.remove()
    }
    async let served: Void = server.serve()
    if (try? await server.listeningAddress) != nil {
      do throws(ProviderSocket.Fault) {
        try place.show()
      } catch {
        throw error.exit
      }
    }
    try await served
  }
}

extension ProviderSocket.Fault {
  /// Says it, and is the status to leave with (EX_CANTCREAT).
  fileprivate var exit: ExitCode {
    FileHandle.standardError.write(Data("error: \(self)\n".utf8))
    return ExitCode(73)
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
