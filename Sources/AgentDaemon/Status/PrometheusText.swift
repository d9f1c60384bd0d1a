import EventLoop
import ProviderKit
import Resolution
import SecretBytes
import Text

/// The answer of `GET /metrics`, in Prometheus' text format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/).
struct PrometheusText {
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  private var text = ""

  static func render(
    _ status: StatusDocument, _ connections: [ProviderPool.Label: ConnectionMetrics.Counts], _ process: ProcessFigures
  ) -> SecretBytes {
    var page = PrometheusText()
    let connections = connections.sorted { $0.key < $1.key }
    page.addAgent(status)
    page.addBreakers(status.openBreakers, of: connections.map(\.key))
    page.addExecutions(status.executions)
    page.addRefusals(status.refusals)
    page.addVolumes(status.volumes)
    page.addSecrets(status.executions)
    page.addConnections(connections)
    page.addProcess(process)
    return SecretBytes(page.text)
  }

  private mutating func family(_ name: String, _ type: String, _ help: String, in space: String = "secrets_agent_") {
    text += "# HELP \(space)\(name) \(help)\n# TYPE \(space)\(name) \(type)\n"
  }

  private mutating func sample(
    _ name: String, _ labels: [(String, String)], _ value: String, in space: String = "secrets_agent_"
  ) {
    let inner = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
    text += "\(space)\(name)\(inner.isEmpty ? "" : "{\(inner)}") \(value)\n"
  }

  /// As the format asks, once what could steer the terminal of whoever reads the page is written out.
  private static func escaped(_ value: String) -> String {
    var shown = ""
    for scalar in ShownText.escaped(value).unicodeScalars {
      switch scalar {
      case "\\": shown += "\\\\"
      case "\"": shown += "\\\""
      default: shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }

  private static func seconds(_ span: Duration) -> String {
    String(Double(span.saturatingNanoseconds) / 1e9)
  }

  private mutating func addVolumes(_ counts: PodVolumes.Counts?) {
    guard let counts else {
      return
    }
    family("volumes", "gauge", "Volumes of pods that are kept fresh.")
    sample("volumes", [], String(counts.volumes))
    family("volume_mounts_total", "counter", "Requests for pods' volumes.")
    sample("volume_mounts_total", [], String(counts.mounts))
    family(
      "volume_stale_mounts_total", "counter", "Those that got values which their stores could not give anew in time.")
    sample("volume_stale_mounts_total", [], String(counts.staleMounts))
    family("volume_failed_mounts_total", "counter", "Those that got nothing.")
    sample("volume_failed_mounts_total", [], String(counts.failedMounts))
  }

  private mutating func addAgent(_ status: StatusDocument) {
    family("build_info", "gauge", "The agent's version.")
    sample("build_info", [("version", status.version)], "1")
    family("executions", "gauge", "Executions that the agent looks after, by state.")
    for state in ExecutionStatus.State.allCases {
      sample("executions", [("state", state.rawValue)], "\(status.executions.count { $0.state == state })")
    }
    family("source_up", "gauge", "Whether a source of executions answers.")
    for source in status.sources.sorted() {
      let isUp = status.sourceFailures[source] == nil && !status.unheard.contains(source)
      sample("source_up", [("source", source)], isUp ? "1" : "0")
    }
    family("refused_documents", "gauge", "Newest documents that are not in force: refused, or unreadable.")
    for (source, count) in status.refusedDocuments.sorted(by: { $0.key < $1.key }) {
      sample("refused_documents", [("source", source)], "\(count)")
    }
    family("loop_longest_turn_seconds", "gauge", "The longest time at a stretch in which nothing else could happen.")
    sample("loop_longest_turn_seconds", [], Self.seconds(status.turns.longest))
    family("loop_slow_turns_total", "counter", "Such times of more than 50 ms.")
    sample("loop_slow_turns_total", [], "\(status.turns.slow)")
    family("unremoved_outputs", "gauge", "Executions that are gone, but whose outputs could not be removed.")
    sample("unremoved_outputs", [], "\(status.unremoved.count)")
  }

  /// One for every connection, so that an alert sees the end of what it saw begin.
  private mutating func addBreakers(_ open: [ProviderPool.Label], of connections: [ProviderPool.Label]) {
    family("breaker_open", "gauge", "Whether the connection is left alone since it gives no answer.")
    let open = Set(open)
    for label in open.union(connections).sorted() {
      sample("breaker_open", Self.labels(label), open.contains(label) ? "1" : "0")
    }
  }

  private static func labels(_ label: ProviderPool.Label, _ more: [(String, String)] = []) -> [(String, String)] {
    [("provider", label.type), ("connection", label.name), ("address", label.address)] + more
  }

  private mutating func addExecutions(_ executions: [ExecutionStatus]) {
    family("generation", "gauge", "Number of the generation in place, 0 for none.")
    for execution in executions {
      sample("generation", [("execution", execution.id)], "\(execution.generation)")
    }
    family("execution_ready", "gauge", "Whether a generation is in place and all of its values are fresh enough.")
    for execution in executions {
      sample("execution_ready", [("execution", execution.id)], execution.isReady ? "1" : "0")
    }
    family("notices_total", "counter", "Change notices sent, by outcome.")
    for execution in executions {
      let succeeded = max(0, execution.notices)
      sample("notices_total", [("execution", execution.id), ("outcome", "succeeded")], "\(succeeded)")
      sample("notices_total", [("execution", execution.id), ("outcome", "failed")], "\(execution.failedNotices)")
    }
  }

  private mutating func addRefusals(_ refusals: [String: RefusalCounts]) {
    family("refused_values_total", "counter", "How often a workload said that a value was refused, by what followed.")
    for (execution, counts) in refusals.sorted(by: { $0.key < $1.key }) {
      sample("refused_values_total", [("execution", execution), ("outcome", "fetched")], "\(counts.fetched)")
      sample(
        "refused_values_total", [("execution", execution), ("outcome", "too_soon")],
        "\(counts.reports - counts.fetched)")
    }
  }

  private mutating func addSecrets(_ executions: [ExecutionStatus]) {
    let gauges: [(String, String, (ExecutionStatus.Secret) -> String?)] = [
      (
        "secret_last_success_timestamp_seconds", "When the value was last seen to hold.",
        { $0.lastSuccessUnix.map(String.init) }
      ),
      (
        "secret_fresh", "Whether a value is delivered that is within what its interval and the policy allow.",
        { $0.isFresh ? "1" : "0" }
      ),
      (
        "secret_live", "Whether the newest value is delivered and none newer should be there by now.",
        { $0.standing == .live ? "1" : "0" }
      ),
      ("secret_age_seconds", "How long ago the value was last seen to hold.", { $0.age.map(Self.seconds) }),
      ("secret_next_refresh_seconds", "How long until it is fetched again.", { $0.nextRefresh.map(Self.seconds) }),
      ("secret_expires_seconds", "How long until the value itself ends.", { $0.expiresIn.map(Self.seconds) }),
      ("secret_consecutive_failures", "Failed refreshes in a row.", { String($0.failures) }),
    ]
    for (name, help, value) in gauges {
      family(name, "gauge", help)
      for execution in executions {
        for secret in execution.secrets {
          if let value = value(secret) {
            let own = [("execution", execution.id), ("secret", secret.name)]
            sample(name, own + Self.labels(secret.label), value)
          }
        }
      }
    }
  }

  private mutating func addConnections(
    _ connections: [(key: ProviderPool.Label, value: ConnectionMetrics.Counts)]
  ) {
    family("provider_calls_total", "counter", "Attempts of calls, retries among them.")
    for (label, counts) in connections {
      sample("provider_calls_total", Self.labels(label), "\(counts.calls)")
    }
    family("provider_errors_total", "counter", "Attempts that failed, by class.")
    for (label, counts) in connections {
      for kind in ProviderFailure.Class.allCases {
        sample(
          "provider_errors_total", Self.labels(label, [("class", kind.rawValue)]),
          "\(counts.failures[kind, default: 0])")
      }
    }
    family("provider_call_seconds", "histogram", "How long attempts took.")
    for (label, counts) in connections {
      for (bound, count) in zip(ConnectionMetrics.latencyBounds, counts.latencies) {
        sample("provider_call_seconds_bucket", Self.labels(label, [("le", "\(bound)")]), "\(count)")
      }
      sample("provider_call_seconds_bucket", Self.labels(label, [("le", "+Inf")]), "\(counts.calls)")
      sample("provider_call_seconds_sum", Self.labels(label), Self.seconds(counts.latencySum))
      sample("provider_call_seconds_count", Self.labels(label), "\(counts.calls)")
    }
    let counters: [(String, String, (ConnectionMetrics.Counts) -> (Int, Int))] = [
      ("provider_logins_total", "Logins, by outcome.", { ($0.logins, $0.failedLogins) }),
      ("provider_renewals_total", "Renewals of tokens and leases, by outcome.", { ($0.renewals, $0.failedRenewals) }),
    ]
    for (name, help, value) in counters {
      family(name, "counter", help)
      for (label, counts) in connections {
        let (succeeded, failed) = value(counts)
        sample(name, Self.labels(label, [("outcome", "succeeded")]), "\(succeeded)")
        sample(name, Self.labels(label, [("outcome", "failed")]), "\(failed)")
      }
    }
    family("provider_stale_logins", "gauge", "Logins that serve on although their renewal has failed.")
    for (label, counts) in connections {
      sample("provider_stale_logins", Self.labels(label), "\(counts.staleLogins)")
    }
    family(
      "provider_stale_login_uses_total", "counter",
      "Reads begun with a login whose renewal has failed, by whether its time was over.")
    for (label, counts) in connections {
      sample("provider_stale_login_uses_total", Self.labels(label, [("ended", "false")]), "\(counts.staleLoginUses)")
      sample("provider_stale_login_uses_total", Self.labels(label, [("ended", "true")]), "\(counts.endedLoginUses)")
    }
  }

  private mutating func addProcess(_ process: ProcessFigures) {
    let figures: [(String, String, String, String?)] = [
      (
        "cpu_seconds_total", "counter", "Processor time in user and system mode.",
        process.cpuSeconds.map { String($0) }
      ),
      (
        "resident_memory_bytes", "gauge", "Memory that is resident, in bytes.",
        process.residentBytes.map { String($0) }
      ),
      ("virtual_memory_bytes", "gauge", "Memory that is mapped, in bytes.", process.virtualBytes.map { String($0) }),
      ("open_fds", "gauge", "Open file descriptors.", process.openDescriptors.map { String($0) }),
      ("max_fds", "gauge", "The limit of open file descriptors.", process.maximumDescriptors.map { String($0) }),
      ("start_time_seconds", "gauge", "When the process started, in Unix time.", process.startTime.map { String($0) }),
    ]
    for (name, type, help, value) in figures {
      if let value {
        family(name, type, help, in: "process_")
        sample(name, [], value, in: "process_")
      }
    }
  }
}
