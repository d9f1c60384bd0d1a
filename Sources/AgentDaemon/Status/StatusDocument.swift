import EventLoop
import JSONReader
import ProviderKit
import Resolution
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
  /// Connections that are left alone at present.
  public let openBreakers: [ProviderPool.Label]
  /// How long the daemon was deaf at a stretch.
  public let turns: TurnCounts
  /// How often workloads said that a value was refused, by execution.
  public var refusals: [String: RefusalCounts] = [:]
  /// Pods' volumes; `nil`: the value socket is off.
  var volumes: PodVolumes.Counts?

  /// How many documents of each configured source are not in force, since they are refused or cannot be read. An id that an execution of
  /// the same source has counts once.
  public var refusedDocuments: [String: Int] {
    var counts = Dictionary(sources.map { ($0, 0) }) { first, _ in first }
    counts.merge(executions.refusedDocuments) { $1 }
    for (source, entries) in unreadable {
      counts[source, default: 0] += Self.others(entries, than: executions, of: source).count
    }
    return counts
  }

  /// What sources cannot read, by source and id, apart from what an execution of theirs tells of itself.
  public var otherUnreadable: [(source: String, id: String, reason: String)] {
    unreadable.sorted { $0.key < $1.key }.flatMap { source, entries in
      Self.others(entries, than: executions, of: source).sorted { $0.key < $1.key }.map { (source, $0.key, $0.value) }
    }
  }

  private static func others(
    _ entries: [String: String], than executions: [ExecutionStatus], of source: String
  ) -> [String: String] {
    guard !entries.isEmpty else {
      return [:]
    }
    let known = Set(executions.lazy.filter { $0.source == source && $0.isRefused }.map(\.id))
    return entries.filter { !known.contains($0.key) }
  }

  /// Fit for a terminal, as `--json` writes it there: what would steer one is escaped.
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
    json.name("refused_documents")
    json.beginObject()
    for (source, count) in refusedDocuments.sorted(by: { $0.key < $1.key }) where count > 0 {
      json.member(source, Int64(count))
    }
    json.endObject()
    json.name("unremoved")
    Self.write(unremoved, &json)
    json.name("connections_left_alone")
    json.beginArray()
    for label in openBreakers.sorted() {
      json.string(label.shown)
    }
    json.endArray()
    json.endObject()
    return Self.unsteering(json.finish())
  }

  /// JSON has such characters in its strings only, where each may be written as `\u202e`. Control characters up to U+001F are so already.
  private static func unsteering(_ json: SecretBytes) -> SecretBytes {
    // The first bytes of them all in UTF-8.
    let mayBe = json.withUnsafeBytes { $0.contains { [0x7f, 0xc2, 0xd8, 0xe2, 0xef].contains($0) } }
    guard mayBe, let text = json.unsafeString() else {
      return json
    }
    var shown = ""
    for scalar in text.unicodeScalars {
      if scalar.value >= 0x7f, ShownText.steers(scalar) {
        let digits = String(scalar.value, radix: 16)
        shown += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      } else {
        shown.unicodeScalars.append(scalar)
      }
    }
    return SecretBytes(shown)
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
    json.name("document_refused")
    json.boolean(execution.isRefused)
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
    json.member("address", secret.label.address.isEmpty ? nil : secret.label.address)
    json.member("reference", secret.reference)
    json.member("source", secret.source.rawValue)
    json.member("version", secret.version)
    json.member("age_seconds", secret.age?.components.seconds)
    json.member("last_success", secret.lastSuccessUnix.map { CivilTime(unixTime: $0).internetText })
    json.member("next_refresh_seconds", secret.nextRefresh?.components.seconds)
    json.member("expires_in_seconds", secret.expiresIn?.components.seconds)
    json.member("consecutive_failures", Int64(secret.failures))
    if let fault = secret.fault {
      json.name("last_error")
      json.beginObject()
      json.member("class", fault.kind)
      json.member("message", fault.line)
      json.member("cause", fault.cause)
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
