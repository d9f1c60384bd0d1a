import EventLoop
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// The answer of `GET /v1/status`, which `secrets-agent status` prints.
public struct StatusDocument: Sendable {
  public let version: String
  public let nodeID: String
  public let executions: [ExecutionStatus]
  /// Every configured source.
  public let sources: [String]
  /// Those that have not answered since the start, so that what they list is not known.
  public let unheard: [String]
  /// Why a source could not be asked, by source.
  public let sourceFailures: [String: String]
  /// What sources list but cannot read, by source and id.
  public let unreadable: [String: [String: String]]
  /// Why outputs of executions that are gone could not be removed, by id.
  public let unremoved: [String: String]
  /// Names of connections that are left alone at present.
  public let openBreakers: [String]
  /// How long the daemon was deaf at a stretch.
  public let turns: TurnCounts
  /// How often workloads said that a value was refused, by execution.
  public var refusals: [String: RefusalCounts] = [:]
  /// Pods' volumes; `nil`: the value socket is off.
  var volumes: PodVolumes.Counts?

  public func json() -> SecretBytes {
    var json = JSONWriter(pretty: true)
    json.beginObject()
    json.member("version", version)
    json.member("node_id", nodeID)
    json.name("executions")
    json.beginArray()
    for execution in executions {
      Self.write(execution, &json)
    }
    json.endArray()
    json.name("source_failures")
    Self.write(sourceFailures, &json)
    json.name("unreadable")
    json.beginObject()
    for (source, entries) in unreadable.sorted(by: { $0.key < $1.key }) where !entries.isEmpty {
      json.name(source)
      Self.write(entries, &json)
    }
    json.endObject()
    json.name("unremoved")
    Self.write(unremoved, &json)
    json.name("connections_left_alone")
    json.beginArray()
    for name in openBreakers.sorted() {
      json.string(name)
    }
    json.endArray()
    json.endObject()
    return json.finish()
  }

  private static func write(_ texts: [String: String], _ json: inout JSONWriter) {
    json.beginObject()
    for (name, text) in texts.sorted(by: { $0.key < $1.key }) {
      json.member(name, text)
    }
    json.endObject()
  }

  private static func write(_ execution: ExecutionStatus, _ json: inout JSONWriter) {
    json.beginObject()
    json.member("id", execution.id)
    json.member("job_id", execution.jobID)
    json.member("namespace", execution.namespace)
    json.member("source", execution.source)
    json.member("state", execution.state.rawValue)
    json.name("ready")
    json.boolean(execution.isReady)
    json.member("generation", execution.generation)
    json.member("folder", execution.folder)
    json.member("delivered_at", execution.deliveredAtUnix.map { CivilTime(unixTime: $0).internetText })
    json.member("notices_sent", Int64(execution.notices))
    json.member("notices_failed", Int64(execution.failedNotices))
    json.name("problems")
    json.beginArray()
    for problem in execution.problems {
      json.string(problem)
    }
    json.endArray()
    json.name("secrets")
    json.beginArray()
    for secret in execution.secrets {
      write(secret, &json)
    }
    json.endArray()
    json.endObject()
  }

  private static func write(_ secret: ExecutionStatus.Secret, _ json: inout JSONWriter) {
    json.beginObject()
    json.member("name", secret.name)
    json.member("standing", secret.standing.rawValue)
    json.member("provider", secret.provider)
    json.member("type", secret.providerType)
    json.member("reference", secret.reference)
    json.member("source", secret.source.rawValue)
    json.member("version", secret.version)
    json.member("age_seconds", secret.age?.components.seconds)
    json.member("last_success", secret.lastSuccessUnix.map { CivilTime(unixTime: $0).internetText })
    json.member("next_refresh_seconds", secret.nextRefresh?.components.seconds)
    json.member("expires_in_seconds", secret.expiresIn?.components.seconds)
    json.member("consecutive_failures", Int64(secret.failures))
    if let failure = secret.failure {
      json.name("last_error")
      json.beginObject()
      json.member("class", failure.kind.rawValue)
      json.member("message", failure.line)
      json.member("cause", failure.cause)
      json.endObject()
    }
    json.endObject()
  }
}

extension JSONWriter {
  /// A member, left out where `text` is `nil`.
  mutating func member(_ name: String, _ text: String?) {
    if let text {
      self.name(name)
      string(text)
    }
  }

  mutating func member(_ name: String, _ number: Int64?) {
    if let number {
      self.name(name)
      self.number(number)
    }
  }
}
