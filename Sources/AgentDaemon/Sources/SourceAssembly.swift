import EventLoop
import ExecutionModel
import HTTPTransport
import Logging
import NodePolicy
import ProviderKit

extension Daemon {
  /// The sources' names, in the order in which they take precedence after the local API.
  static func makeSourceNames(_ configuration: AgentConfiguration) -> [String] {
    (configuration.folder.map { [folderName($0)] } ?? [])
      + configuration.orchestrators.indices.map { orchestratorName(configuration, $0) }
  }

  private static func folderName(_ folder: AgentConfiguration.Folder) -> String { "folder \(folder.path)" }

  private static func orchestratorName(_ configuration: AgentConfiguration, _ index: Int) -> String {
    "orchestrator \(configuration.orchestrators[index].addresses.name)"
  }

  func makeSources(
    _ settings: Settings, loop: EventLoop, log: Logger, supervisor: ExecutionSupervisor?
  ) async -> [any ExecutionSource] {
    let configuration = settings.configuration
    var sources: [any ExecutionSource] = []
    if let folder = configuration.folder {
      let known = await supervisor?.expected(of: Self.folderName(folder)) ?? []
      sources.append(
        FolderSource(path: folder.path, quiet: folder.quiet, known: known, loop: loop, time: loop, log: log))
    }
    for (index, orchestrator) in configuration.orchestrators.enumerated() {
      let name = Self.orchestratorName(configuration, index)
      // What was delivered in an earlier life and is listed no more leaves by the same rule as everything else.
      let known = await supervisor?.expected(of: name) ?? []
      let source = OrchestratorSource(
        name: name, configuration: Self.configuration(orchestrator, nodeID: configuration.nodeID),
        known: known, transport: { try Self.client(orchestrator, loop: loop, log: log) }, time: loop,
        random: { .random(in: 0..<1) }, log: log)
      sources.append(source)
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
