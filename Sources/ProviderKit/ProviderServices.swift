import EventLoop
import ExecutionModel
import Glibc
import HTTPTransport
import Logging
import NodePolicy
import SecretBytes

/// All that an adapter may touch of the world. An adapter uses no global, so it can be tested without a network.
public struct ProviderServices: Sendable {
  /// Makes the client of one connection.
  public let transport: @Sendable (HTTPClientOptions) -> any HTTPSending
  public let time: any TimeSource
  /// Evenly spread numbers from 0 up to 1, for jitter.
  public let random: @Sendable () -> Double
  public let environment: NodeEnvironment
  public let files: NodeFiles
  public let policy: NodePolicy
  public let limits: RequestLimits
  public let log: Logger
  /// Where tasks run that outlive a call (a login that several wait for, renewal); `nil`: the global pool.
  public let executor: (any TaskExecutor)?
  /// Counts of the connection; ``ProviderCaller`` and ``LoginSession`` keep them.
  public let metrics: ConnectionMetrics
  /// Of the connection: reads, logins and renewals alike are tried again out of it.
  public let retryBudget: RetryBudget
  /// Whether documents can give the connection a CA of its own.
  public let takesCA: Bool
  /// What connections of the same identity share.
  public let shared: SharedSessions

  public init(
    transport: @escaping @Sendable (HTTPClientOptions) -> any HTTPSending, time: any TimeSource,
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, environment: NodeEnvironment,
    policy: NodePolicy, limits: RequestLimits = RequestLimits(), log: Logger, executor: (any TaskExecutor)? = nil,
    metrics: ConnectionMetrics = ConnectionMetrics(), retryBudget: RetryBudget = RetryBudget(), takesCA: Bool = false,
    shared: SharedSessions = SharedSessions()
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
    self.metrics = metrics
    self.retryBudget = retryBudget
    self.takesCA = takesCA
    self.shared = shared
  }

  /// The same for one connection, with a retry budget of its own, counted in `metrics`.
  public func counting(in metrics: ConnectionMetrics, takesCA: Bool) -> ProviderServices {
    ProviderServices(
      transport: transport, time: time, random: random, environment: environment, policy: policy, limits: limits,
      log: log, executor: executor, metrics: metrics, retryBudget: RetryBudget(), takesCA: takesCA, shared: shared)
  }
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

  /// The credential in the variable `name`; `nil` where it is not set or empty.
  public func credential(_ name: String) throws(PolicyRefusal) -> SecretBytes? {
    try policy.check(credentialVariable: name)
    guard let value = lookup(name), !value.isEmpty else {
      return nil
    }
    return value
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
