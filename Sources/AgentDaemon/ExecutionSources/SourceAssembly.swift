import EventLoop
import ExecutionModel
import HTTPTransport
import Logging
import NodePolicy
import ProviderKit

/// Makes the sources that a configuration names.
struct SourceAssembly {
  private let configuration: AgentConfiguration

  init(_ configuration: AgentConfiguration) {
    self.configuration = configuration
  }

  /// In the order in which they take precedence, the local API last unless it is to override the others.
  var names: [String] {
    let others = (configuration.folder.map { [Self.name($0)] } ?? []) + configuration.orchestrators.map(Self.name)
    return configuration.api.putOverrides ? [LocalSource.name] + others : others + [LocalSource.name]
  }

  private static func name(_ folder: AgentConfiguration.Folder) -> String { "folder \(folder.path)" }

  private static func name(_ orchestrator: AgentConfiguration.Orchestrator) -> String {
    "orchestrator \(orchestrator.addresses.name)"
  }

  /// All but the local API.
  ///
  /// - Parameter expected: what a source of the name listed in an earlier life.
  func sources(
    loop: EventLoop, worker: WorkerThread, log: Logger, expecting expected: (String) -> Set<String>
  ) -> [any ExecutionSource] {
    var sources: [any ExecutionSource] = []
    if let folder = configuration.folder {
      let known = expected(Self.name(folder))
      sources.append(
        FolderSource(
          path: folder.path, quiet: folder.quiet, known: known, loop: loop, worker: worker, time: loop, log: log))
    }
    for orchestrator in configuration.orchestrators {
      let name = Self.name(orchestrator)
      sources.append(
        OrchestratorSource(
          name: name, configuration: Self.configuration(orchestrator, nodeID: configuration.nodeID),
          known: expected(name), transport: { try Self.client(orchestrator, loop: loop, log: log) }, time: loop,
          random: { .random(in: 0..<1) }, log: log))
    }
    return sources
  }

  private static func configuration(
    _ orchestrator: AgentConfiguration.Orchestrator, nodeID: String
  ) -> OrchestratorConfiguration {
    let addresses = orchestrator.addresses
    return OrchestratorConfiguration(
      urls: addresses.lists, jobURL: addresses.jobURL, nodeID: nodeID, namespace: orchestrator.namespace,
      jobID: orchestrator.jobID, tokenFile: orchestrator.tokenFile, apiKeyFile: orchestrator.apiKeyFile,
      tokenURL: orchestrator.tokenURL ?? addresses.tokenURL, pollInterval: orchestrator.pollInterval)
  }

  /// The files are the node owner's own choice, so the documents' policy does not bound them.
  private static func client(
    _ orchestrator: AgentConfiguration.Orchestrator, loop: EventLoop, log: Logger
  ) throws -> HTTPClient {
    let files = NodeFiles(policy: .personal)
    var options = HTTPClientOptions()
    options.tls.ca = try orchestrator.caFile.map { try files.credential($0) }
    options.tls.clientCertificate = try orchestrator.clientCertificateFile.map { try files.credential($0) }
    options.tls.clientKey = try orchestrator.clientKeyFile.map { try files.credential($0) }
    options.maximumInFlight = 2
    return HTTPClient(loop: loop, options: options, log: log)
  }
}
