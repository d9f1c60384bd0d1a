import ExecutionModel

/// The settings that hold from the start of the daemon to its end: what a reload changes of them waits for a restart.
struct RestartSettings {
  private let started: AgentConfiguration

  /// - Parameter started: the configuration that the daemon started with.
  init(_ started: AgentConfiguration) {
    self.started = started
  }

  /// A warning for each of them that `configuration` has otherwise.
  func differences(in configuration: AgentConfiguration) -> [DocumentFault] {
    Self.all.filter { !$0.isSame(started, configuration) }.map { setting in
      DocumentFault(setting.path, "changed, and not in use before a restart of the daemon", severity: .warning)
    }
  }

  private struct Setting: Sendable {
    let path: String
    let isSame: @Sendable (AgentConfiguration, AgentConfiguration) -> Bool

    init<Value: Equatable & SendableMetatype>(
      _ path: String, _ value: @escaping @Sendable (AgentConfiguration) -> Value
    ) {
      self.path = path
      isSame = { value($0) == value($1) }
    }
  }

  private static let all = [
    Setting("state_folder") { $0.stateFolder },
    Setting("cache") { $0.cache },
    Setting("api.socket") { $0.api.socket },
    Setting("api.mode") { $0.api.mode },
    Setting("api.group") { $0.api.group },
    Setting("api.allowed_users") { $0.api.allowedUsers },
    Setting("api.allowed_groups") { $0.api.allowedGroups },
    Setting("api.operator_users") { $0.api.operatorUsers },
    Setting("api.operator_groups") { $0.api.operatorGroups },
    // Whose an execution is counts at once; who gets in to say so does not.
    Setting("api.workload_users") { Set($0.api.workloadUsers.values) },
    Setting("api.metrics_address") { $0.api.metrics },
    // Units and the wait count at once, where there is a socket.
    Setting("credentials") { $0.credentials?.socket },
    Setting("values") { $0.values },
  ]
}
