import ExecutionModel

/// What one source of executions lists now.
public struct SourceReport: Sendable {
  /// The source's name, stable over restarts: `folder /etc/secrets-agent/executions`.
  public let source: String
  /// Every readable execution that the source lists, by its id.
  public let listed: [String: ExecutionDocument.Item]
  /// What is listed but cannot be read, by id (or by what stands for it, as a file's stem), with the reason. What is known of such an
  /// execution from earlier stays in force.
  public let unreadable: [String: String]
  /// Executions that left since the last report. Empty where the source cannot say, as while it is unreachable.
  public let left: Set<String>
  /// Why the source could not be asked, `nil` where it could. Then ``listed`` is what it listed last.
  public let failure: String?
  /// Whether nothing that the source lists is still awaited, as a document is that somebody is writing.
  public let isComplete: Bool

  public init(
    source: String, listed: [String: ExecutionDocument.Item], unreadable: [String: String] = [:],
    left: Set<String> = [], failure: String? = nil, isComplete: Bool = true
  ) {
    self.source = source
    self.listed = listed
    self.unreadable = unreadable
    self.left = left
    self.failure = failure
    self.isComplete = isComplete
  }
}

/// Where executions come from: runs until its task is cancelled, and reports whenever something changed, at least once after its start.
public protocol ExecutionSource: Sendable {
  var name: String { get }
  /// Whether it knows that something changed, and has not reported it yet.
  var isBehind: Bool { get }
  func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async
}

extension ExecutionSource {
  public var isBehind: Bool { false }
}
