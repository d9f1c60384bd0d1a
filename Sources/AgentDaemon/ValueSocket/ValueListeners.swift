import EventLoop
import Logging

/// The sockets that give values, as the configuration had them at the start: systemd's credentials, and the value socket.
@DaemonActor
final class ValueListeners {
  private let delivered: DeliveredGenerations
  private let volumes: PodVolumes
  private let supervisor: ExecutionSupervisor
  private let configuration: AgentConfiguration
  private let loop: EventLoop
  private let log: Logger
  private let worker: WorkerThread
  private var credentials: CredentialServer?
  private var values: LocalServer?

  init(
    _ delivered: DeliveredGenerations, _ volumes: PodVolumes, _ supervisor: ExecutionSupervisor,
    _ configuration: AgentConfiguration, loop: EventLoop, log: Logger, worker: WorkerThread
  ) {
    self.delivered = delivered
    self.volumes = volumes
    self.supervisor = supervisor
    self.configuration = configuration
    self.loop = loop
    self.log = log
    self.worker = worker
  }

  /// - Throws: one line where a socket cannot be listened on.
  func listen() throws(LocalServerFault) {
    if let settings = configuration.credentials {
      credentials = try CredentialServer(path: settings.socket, loop: loop, log: log, lookup: lookup(settings))
    }
    if let settings = configuration.values {
      try listen(settings)
    }
  }

  private func lookup(_ settings: AgentConfiguration.Credentials) -> CredentialLookup {
    let overview = supervisor.overview
    return CredentialLookup(delivered, time: loop, worker: worker) { [supervisor] in
      // Units and the wait may be other ones since a reload.
      CredentialLookup.Rules(
        credentials: supervisor.configuration.credentials ?? settings,
        environmentFile: supervisor.configuration.outputs.environmentFile)
    } standing: {
      overview.standing(of: $0)
    } candidates: {
      overview.executions(ofJob: $0)
    }
  }

  private func listen(_ settings: AgentConfiguration.Values) throws(LocalServerFault) {
    let overview = supervisor.overview
    let api = ValueAPI(delivered, volumes: volumes, time: loop, worker: worker) { overview.standing(of: $0) }
    var limits = LocalServerLimits()
    limits.bodyBytes = VolumeRequest.mostBytes
    let server = LocalServer(loop: loop, log: log, name: "value socket", limits: limits)
    let peers = PeerRule(users: settings.allowedUsers, groups: [])
    try server.listen(
      unix: settings.socket, mode: settings.mode, group: settings.group, readers: peers, operators: peers
    ) {
      await api.answer($0)
    }
    values = server
  }

  func close() async {
    await credentials?.close()
    await values?.close()
  }
}
