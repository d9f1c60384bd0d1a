import JSONReader
import Text

/// What the daemon tells of its executions (`GET /v1/status`), made fit to be shown. What it does not tell is left out.
struct StatusReport: Sendable {
  /// In the order in which an operator has to look at them.
  enum Standing: String, CaseIterable, Comparable {
    case failing, stale, late, pending, live

    static func < (one: Standing, other: Standing) -> Bool { one.rank < other.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  struct Secret: Sendable {
    let name: String
    let standing: Standing
    let provider: String
    let reference: String
    let version: String?
    /// Seconds, as those below.
    let age: Int64?
    let nextRefresh: Int64?
    let expiresIn: Int64?
    let failuresInARow: Int64
    /// The last error, whole, and without what is this secret's alone.
    let error: String?
    let cause: String?
  }

  struct Execution: Sendable {
    let id: String
    let state: String
    let isReady: Bool
    let generation: Int64
    let source: String
    let problems: [String]
    /// Whether its newest document is not in force.
    let isRefused: Bool
    let secrets: [Secret]

    /// The worst of its secrets.
    var standing: Standing { secrets.lazy.map(\.standing).min() ?? .live }
  }

  /// A problem of no execution that is looked after, and whose it is.
  struct Problem: Sendable {
    let subject: String
    /// What several such subjects are.
    let noun: String
    let text: String
  }

  /// Those that are not ready first, of each the secrets that fail.
  let executions: [Execution]
  let problems: [Problem]
  /// How many newest documents are not in force, since they are refused or cannot be read.
  let refusedDocuments: Int64

  var isReady: Bool { executions.allSatisfy(\.isReady) }
}

extension StatusReport {
  init(_ root: JSONValue) {
    let listed: [Execution] = root.member("executions")?.elements.map(Execution.init) ?? []
    let executions: [Execution] = listed.sorted {
      $0.isReady != $1.isReady
        ? !$0.isReady : $0.standing != $1.standing ? $0.standing < $1.standing : $0.id < $1.id
    }
    self.executions = executions
    refusedDocuments =
      root.member("refused_documents")?.members.reduce(Int64(0)) { $0 + max($1.value.int64 ?? 0, 0) } ?? 0
    var problems: [Problem] = []
    for source in root.member("source_failures")?.members.map({ $0 }) ?? [] {
      problems.append(
        Problem(subject: "source \(Self.shown(source.name))", noun: "sources", text: Self.shown(source.value)))
    }
    for source in root.member("unreadable")?.members.map({ $0 }) ?? [] {
      // What an execution tells of itself is not told twice.
      let name = Self.shown(source.name)
      let told = Set(executions.filter { $0.isRefused && $0.source == name }.map { $0.id })
      for entry in source.value.members where !told.contains(ShownText.clean(entry.name.text ?? "-")) {
        let subject = "\(Self.shown(entry.name)) of \(Self.shown(source.name))"
        problems.append(Problem(subject: subject, noun: "documents", text: Self.shown(entry.value)))
      }
    }
    for left in root.member("unremoved")?.members.map({ $0 }) ?? [] {
      problems.append(
        Problem(
          subject: Self.shown(left.name), noun: "executions",
          text: "gone, but its outputs could not be removed: \(Self.shown(left.value))"))
    }
    for name in root.member("connections_left_alone")?.elements.map({ $0 }) ?? [] {
      problems.append(
        Problem(
          subject: "provider \(Self.shown(name))", noun: "providers",
          text: "gives no answer, and is asked again after a pause"))
    }
    self.problems = problems
  }

  fileprivate static func shown(_ value: JSONValue?) -> String {
    ShownText.clean(value?.text ?? "-", atMost: 500)
  }
}

extension StatusReport.Execution {
  fileprivate init(_ execution: JSONValue) {
    id = ShownText.clean(execution.member("id")?.text ?? "-")
    state = StatusReport.shown(execution.member("state"))
    isReady = execution.member("ready")?.boolean ?? false
    generation = execution.member("generation")?.int64 ?? 0
    source = StatusReport.shown(execution.member("source"))
    problems = execution.member("problems")?.elements.map { StatusReport.shown($0) } ?? []
    // Those of one standing stay in the document's order.
    isRefused = execution.member("document_refused")?.boolean ?? false
    secrets =
      (execution.member("secrets")?.elements.map(StatusReport.Secret.init) ?? []).enumerated()
      .sorted { ($0.element.standing, $0.offset) < ($1.element.standing, $1.offset) }.map(\.element)
  }
}

extension StatusReport.Secret {
  fileprivate init(_ secret: JSONValue) {
    name = ShownText.clean(secret.member("name")?.text ?? "-")
    let failure = secret.member("last_error")
    // A daemon of an earlier version tells none.
    standing =
      secret.member("standing")?.text.flatMap(StatusReport.Standing.init(rawValue:))
      ?? (failure != nil ? .failing : secret.member("source")?.text == "live" ? .live : .late)
    provider = StatusReport.shown(secret.member("provider"))
    reference = StatusReport.shown(secret.member("reference"))
    // A number with most stores, and whatever one calls it with some.
    version = secret.member("version").map { ShownText.clean($0.text ?? "-", atMost: 40) }
    age = secret.member("age_seconds")?.int64
    nextRefresh = secret.member("next_refresh_seconds")?.int64
    expiresIn = secret.member("expires_in_seconds")?.int64
    failuresInARow = secret.member("consecutive_failures")?.int64 ?? 0
    error = failure?.member("message").map { StatusReport.shown($0) }
    cause = (failure?.member("cause") ?? failure?.member("message")).map { StatusReport.shown($0) }
  }
}
