import EventLoop
import Foundation
import HTTPTransport
import SecretBytes
import Synchronization
import TestSupport

@testable import AgentDaemon

/// A source over a scripted orchestrator, polled as the test says.
final class OrchestratorScene: Sendable {
  typealias Reply = Result<HTTPResponse, TransportFailure>

  let time = ManualTime()
  let log = ReportLog()
  let transport: ScriptedTransport
  private let running: Mutex<Task<Void, Never>?>
  private let folder: String

  /// - Parameter answer: given the request and how many came before it.
  init(
    urls: [String] = ["https://orchestrator.test/api/v1/executions?node_ids={node_id}"], known: Set<String> = [],
    namespace: String? = nil, jobID: String? = nil, token: String? = nil, apiKey: String? = nil, random: Double = 0.5,
    _ answer: @escaping @Sendable (HTTPRequest, Int) -> Reply
  ) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("orchestrator-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let transport = ScriptedTransport(answer)
    self.transport = transport
    running = Mutex(nil)
    let configuration = OrchestratorConfiguration(
      urls: urls, jobURL: "https://orchestrator.test/api/v1/jobs/{job_id}", nodeID: "n1", namespace: namespace,
      jobID: jobID, tokenFile: token.map { _ in folder + "/token" },
      apiKeyFile: apiKey.map { _ in folder + "/key" },
      tokenURL: apiKey.map { _ in "https://login.test/token" },
      pollInterval: .seconds(30))
    try write(token ?? "", as: "token")
    try write(apiKey ?? "", as: "key")
    let (time, log) = (time, log)
    let source = OrchestratorSource(
      name: "orchestrator", configuration: configuration, known: known, transport: { transport }, time: time,
      random: { random }, log: silentLog)
    running.withLock { $0 = Task { await source.run { log.note($0) } } }
  }

  deinit {
    running.withLock { $0?.cancel() }
    try? FileManager.default.removeItem(atPath: folder)
  }

  func write(_ text: String, as name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
  }

  /// The first report, or that of the next poll, with `span` between the two.
  func poll(after span: Duration = .seconds(3600)) async -> SourceReport? {
    if !log.reports.isEmpty {
      await time.sleepers(1)
      time.advance(by: span)
    }
    return await log.next()
  }

  /// How long it waits after the last report.
  func pause() async -> Duration? {
    await time.sleepers(1)
    return time.slept.last
  }

  static func page(_ items: String, next: String? = nil, headers: [(String, String)] = []) -> Reply {
    let token = next.map { #", "next_token": "\#($0)""# } ?? ""
    return reply(#"{"items": \#(items)\#(token)}"#, headers: headers)
  }

  static func reply(_ body: String, status: Int = 200, headers: [(String, String)] = []) -> Reply {
    .success(HTTPResponse(status: status, headers: HTTPFields(headers), body: SecretBytes(body)))
  }

  static func list(_ ids: String...) -> Reply {
    page("[\(ids.map { FolderScene.execution($0) }.joined(separator: ", "))]")
  }

  static let unreachable = Reply.failure(TransportFailure(kind: .connect, host: "orchestrator.test:443", detail: ""))
}

extension HTTPRequest {
  func header(_ name: String) -> String? {
    headers.first { $0.name == name }?.value.unsafeString()
  }
}
