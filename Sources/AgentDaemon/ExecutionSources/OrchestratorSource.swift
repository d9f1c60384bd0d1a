import EventLoop
import ExecutionModel
import HTTPTransport
import Logging
import ProviderKit
import SecretBytes

/// What the daemon knows of one orchestrator.
public struct OrchestratorConfiguration: Sendable {
  /// List addresses; `{node_id}`, `{namespace}` and `{job_id}` are filled in, percent-encoded.
  public let urls: [String]
  /// The address of one job; `{job_id}` is the execution's, whatever ``jobID`` says.
  public let jobURL: String
  public let nodeID: String
  public let namespace: String?
  public let jobID: String?
  /// A file that holds the bearer token, read anew at each poll.
  public let tokenFile: String?
  /// A file that holds an API key, exchanged for tokens at ``tokenURL``.
  public let apiKeyFile: String?
  public let tokenURL: String?
  public let pollInterval: Duration

  public init(
    urls: [String], jobURL: String, nodeID: String, namespace: String? = nil, jobID: String? = nil,
    tokenFile: String? = nil, apiKeyFile: String? = nil, tokenURL: String? = nil, pollInterval: Duration = .seconds(30)
  ) {
    self.urls = urls
    self.jobURL = jobURL
    self.nodeID = nodeID
    self.namespace = namespace
    self.jobID = jobID
    self.tokenFile = tokenFile
    self.apiKeyFile = apiKeyFile
    self.tokenURL = tokenURL
    self.pollInterval = pollInterval
  }
}

/// The orchestrator's REST API as a source of executions.
///
/// It can only add and change, and end what a well-formed, complete answer says is stopped, or no longer lists twice in a row: an
/// orchestrator that is unreachable, slow, lying or half answered ends nothing.
public struct OrchestratorSource: ExecutionSource {
  public let name: String
  private let configuration: OrchestratorConfiguration
  private let known: Set<String>
  private let transport: @Sendable () throws -> any HTTPSending
  private let time: any TimeSource
  private let random: @Sendable () -> Double
  private let log: Logger

  /// - Parameters:
  ///   - known: executions that this source listed in an earlier life of the daemon; they leave by the same rule as others.
  ///   - transport: makes the client, with the CA and the client certificate; called again after a failure, since their files rotate.
  public init(
    name: String, configuration: OrchestratorConfiguration, known: Set<String> = [],
    transport: @escaping @Sendable () throws -> any HTTPSending, time: any TimeSource,
    random: @escaping @Sendable () -> Double, log: Logger
  ) {
    self.name = name
    self.configuration = configuration
    self.known = known
    self.transport = transport
    self.time = time
    self.random = random
    self.log = log
  }

  public func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
    var listing = ListingMemory(source: name, known: known)
    var failures = 0
    var client: OrchestratorClient?
    while !Task.isCancelled {
      var pause = jittered(configuration.pollInterval)
      do {
        let asked = try client ?? OrchestratorClient(configuration, transport: transport(), time: time)
        if client != nil, failures > 0 {
          try await asked.use(transport())
        }
        client = asked
        var answer = try await asked.list()
        listing.complete(&answer)
        await asked.completeJobSpecs(of: &answer)
        if failures > 0 {
          log.notice("orchestrator usable again", metadata: ["source": "\(name)", "failures": "\(failures)"])
        }
        failures = 0
        await report(listing.takeIn(answer))
      } catch {
        guard !Task.isCancelled else {
          return
        }
        let reason = (error as? OrchestratorFault)?.description ?? "\(error)"
        failures += 1
        if failures == 1 {
          log.warning("orchestrator not usable", metadata: ["source": "\(name)", "reason": "\(reason)"])
        }
        await report(listing.failed(reason))
        pause = max(backoff(failures), (error as? OrchestratorFault)?.retryAfter ?? .zero)
      }
      guard (try? await time.sleep(for: pause)) != nil else {
        return
      }
    }
  }

  private func jittered(_ span: Duration) -> Duration {
    span * (0.9 + 0.2 * random())
  }

  /// From one interval up to ten, or five minutes where that is more, its upper half by chance.
  private func backoff(_ failures: Int) -> Duration {
    let interval = configuration.pollInterval
    let longest = max(interval, min(interval * 10, .seconds(300)))
    let bound = min(interval * (1 << min(failures - 1, 10)), longest)
    return bound / 2 + bound / 2 * random()
  }
}

/// Why an orchestrator's answer is not used: one line, no credential.
struct OrchestratorFault: Error, CustomStringConvertible {
  let description: String
  var retryAfter: Duration?

  init(_ description: String, retryAfter: Duration? = nil) {
    self.description = description
    self.retryAfter = retryAfter
  }
}

/// What an orchestrator has listed so far, and how often it has not listed what it listed before.
struct ListingMemory {
  /// How many complete answers in a row must lack an execution before it leaves.
  static let misses = 2

  private let source: String
  private var listed: [String: ExecutionDocument.Item] = [:]
  private var missed: [String: Int] = [:]
  private var unreadable: [String: String] = [:]

  init(source: String, known: Set<String>) {
    self.source = source
    for id in known {
      missed[id] = 0
    }
  }

  /// Gives executions that came without their job spec the one that they came with before.
  func complete(_ answer: inout OrchestratorListing) {
    for (id, item) in answer.items where !item.hasJobSpec {
      if let before = listed[id] {
        answer.items[id] = item.completed(by: before)
      }
    }
  }

  mutating func takeIn(_ answer: OrchestratorListing) -> SourceReport {
    var left: Set<String> = []
    unreadable = answer.unreadable
    for (id, item) in answer.items {
      listed[id] = item
      missed[id] = 0
    }
    for id in answer.unreadable.keys where missed[id] != nil {
      missed[id] = 0
    }
    for id in missed.keys where answer.items[id] == nil && answer.unreadable[id] == nil && !answer.hidesAny {
      let count = (missed[id] ?? 0) + 1
      missed[id] = count
      if count >= Self.misses {
        missed[id] = nil
        listed[id] = nil
        left.insert(id)
      }
    }
    return SourceReport(source: source, listed: listed, unreadable: unreadable, left: left)
  }

  func failed(_ reason: String) -> SourceReport {
    SourceReport(source: source, listed: listed, unreadable: unreadable, failure: reason)
  }
}
