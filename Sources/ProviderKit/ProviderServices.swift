import EventLoop
import ExecutionModel
import Glibc
import HTTPTransport
import Logging
import Masking
import NodePolicy
import SecretBytes

/// All that an adapter may touch of the world. An adapter uses no global, so it can be tested without a network.
public struct ProviderServices: Sendable {
  /// Makes the client of one connection.
  public let transport: @Sendable (HTTPClientOptions) -> any HTTPSending
  public let time: any TimeSource
  /// Evenly spread numbers from 0 up to 1, for jitter.
  public let random: @Sendable () -> Double
  public private(set) var environment: NodeEnvironment
  public private(set) var files: NodeFiles
  public private(set) var policy: NodePolicy
  public let limits: RequestLimits
  public let log: Logger
  /// Where tasks run that outlive a call (a login that several wait for, renewal), and what notices the end of processes;
  /// `nil`: the global pool, and no process can be run.
  public let executor: EventLoop?
  /// What connections of the same identity share.
  public private(set) var shared: SharedSessions
  /// What the node's engine brought along for its workloads.
  public let workloadTokens: WorkloadTokens
  /// Who logs in with those; `nil`: the node.
  private var workload: WorkloadIdentity?
  /// Where the credential rules' decisions are noted; `nil`: nobody asks for them.
  public let decisions: CredentialDecisions?
  /// The values in use, which no failure repeats; connections add their credentials.
  public let hidden: LiveValues

  public init(
    transport: @escaping @Sendable (HTTPClientOptions) -> any HTTPSending, time: any TimeSource,
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, environment: NodeEnvironment,
    policy: NodePolicy, limits: RequestLimits = RequestLimits(), log: Logger, executor: EventLoop? = nil,
    shared: SharedSessions = SharedSessions(), workloadTokens: WorkloadTokens = WorkloadTokens(),
    decisions: CredentialDecisions? = nil, hidden: LiveValues = LiveValues()
  ) {
    self.transport = transport
    self.time = time
    self.random = random
    self.environment = environment
    self.files = NodeFiles(policy: policy)
    self.policy = policy
    self.limits = limits
    self.log = log
    self.executor = executor
    self.shared = shared
    self.workloadTokens = workloadTokens
    self.decisions = decisions
    self.hidden = hidden
  }

  var tokensOfWorkload: WorkloadTokenSet? { workload.map { workloadTokens.tokens(of: $0) } }

  /// The same for connections of `grant`: their policy is as it is for their executions, and they share no login with others.
  public func granting(_ grant: CredentialGrant) -> ProviderServices {
    var services = self
    services.policy = policy.granting(grant)
    services.environment = environment.under(services.policy)
    services.files = NodeFiles(policy: services.policy)
    services.shared = shared.sessions(of: grant)
    services.workload = grant.workload
    return services
  }
}

extension OpenConnection {
  /// The tokens of the workload that the connection logs in as; `nil`: it logs in as the node.
  public var workloadTokens: WorkloadTokenSet? { services.tokensOfWorkload }
}

/// Time limits and sizes of one connection's calls.
public struct RequestLimits: Sendable {
  public var connect: Duration = .seconds(5)
  /// One attempt, from the first packet to the last.
  public var attempt: Duration = .seconds(10)
  /// Calls under way at once on one connection.
  public var inFlight = 64
  /// Largest answer, in bytes.
  public var responseBytes = 4 * 1024 * 1024

  public init() {}
}

/// The agent's environment, as far as the policy lets authentication read it.
public struct NodeEnvironment: Sendable {
  private let policy: NodePolicy
  private let lookup: @Sendable (String) -> SecretBytes?

  public init(policy: NodePolicy, lookup: @escaping @Sendable (String) -> SecretBytes? = Self.ofProcess) {
    self.policy = policy
    self.lookup = lookup
  }

  /// The same variables by another policy.
  func under(_ policy: NodePolicy) -> NodeEnvironment { NodeEnvironment(policy: policy, lookup: lookup) }

  /// What a variable that holds a credential, or leads to one, has to give.
  public enum Reading: Sendable {
    /// Without white space around it; never empty.
    case value(SecretBytes)
    case unset
    case refused(PolicyRefusal)

    public var secret: SecretBytes? {
      if case .value(let value) = self { value } else { nil }
    }

    /// For what is no credential: ids, addresses, paths.
    public var text: String? { secret?.unsafeString() }
  }

  public func read(_ name: String) -> Reading {
    do throws(PolicyRefusal) {
      try policy.check(credentialVariable: name)
    } catch {
      return .refused(error)
    }
    guard let value = lookup(name)?.trimmed, !value.isEmpty else {
      return .unset
    }
    return .value(value)
  }

  /// Why ``read(_:)`` has nothing to give, as `AZURE_CLIENT_ID is not set`; `nil` where it has.
  public func absence(of name: String) -> String? {
    switch read(name) {
    case .value: nil
    case .unset: "\(name) is not set"
    case .refused(let refusal): refusal.message
    }
  }

  /// The variable `name`, where it only steers how a cloud's clients look for credentials (a profile, a file's place, an endpoint)
  /// and is none itself; `nil` where it is not set, empty or not text. For names that adapters know, never for a document's.
  public func setting(_ name: String) -> String? {
    guard let text = lookup(name)?.unsafeString(), !text.isEmpty else {
      return nil
    }
    return text
  }

  /// The process's own variables, read at each call.
  @Sendable public static func ofProcess(_ name: String) -> SecretBytes? {
    guard let pointer = getenv(name) else {
      return nil
    }
    return SecretBytes(copying: UnsafeRawBufferPointer(start: pointer, count: strlen(pointer)))
  }
}
