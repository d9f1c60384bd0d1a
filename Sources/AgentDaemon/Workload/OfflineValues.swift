import EventLoop
import ExecutionModel
import Logging
import NodePolicy
import ProviderKit
import Refresh
import Resolution
import SealedCache

/// The sealed cache of a command that fetches for itself (`--offline-ok`): what its last run got takes the place of what its stores
/// cannot be asked for now, and of nothing that they refuse.
public struct OfflineValues: Sendable {
  /// How long stores are asked by default where everything that is asked for is kept: a failover of seconds is sat out, an outage is not.
  public static let patience: Duration = .seconds(5)

  private let cache: GenerationCache
  private let execution: Execution
  private let item: ExecutionDocument.Item
  private let policy: NodePolicy
  private let keepsLeases: Bool
  private let patience: Duration
  private let time: any TimeSource
  private let log: Logger

  /// - Parameters:
  ///   - keepsLeases: whether values that end by themselves stay good when the command has ended.
  ///   - patience: how long stores are asked where everything that is asked for is kept.
  public init(
    _ cache: GenerationCache, _ execution: Execution, _ item: ExecutionDocument.Item, policy: NodePolicy,
    keepsLeases: Bool, patience: Duration = patience, time: any TimeSource, log: Logger
  ) {
    self.cache = cache
    self.execution = execution
    self.item = item
    self.policy = policy
    self.keepsLeases = keepsLeases
    self.patience = patience
    self.time = time
    self.log = log
  }

  /// Its place in the cache, apart from the daemon's, which looks after its own.
  private var id: String {
    "command \(execution.id ?? execution.name ?? item.identities.sorted { $0.key < $1.key }.map(\.value).joined())"
  }

  /// A result that another one took the place of.
  private struct Stale {
    let entry: SecretEntry
    let age: Duration
    let failure: ProviderFailure
  }

  /// One generation of `plan`, and what was kept where its stores cannot be asked now.
  ///
  /// - Parameter limit: for the whole of it.
  /// - Throws: every failed entry.
  public func generation(
    of plan: ExecutionPlan, by resolver: Resolver, within limit: Duration
  ) async throws(GenerationFailure) -> Generation {
    let kept = kept()
    let results = await resolver.results(of: plan, within: self.limit(limit, with: kept))
    let generation = try resolver.generation(of: plan, filling(results, with: kept))
    keep(results)
    return generation
  }

  /// What an earlier run got of all that is asked for.
  func kept() -> GenerationCache.Restored {
    let restored = cache.restore(execution, item, id)
    if let problem = restored.problem {
      log.warning("cache not used", metadata: ["reason": "\(problem)"])
    }
    return restored
  }

  /// How long stores are asked: not to the end of `limit` where everything can be had without them.
  func limit(_ limit: Duration, with kept: GenerationCache.Restored) -> Duration {
    execution.secrets.allSatisfy { usable($0.reference, of: kept) != nil } ? min(limit, patience) : limit
  }

  /// What was kept of `reference`, and its age; `nil` where it has ended, or is too old.
  private func usable(
    _ reference: Reference, of kept: GenerationCache.Restored
  ) -> (secret: FetchedSecret, age: Duration)? {
    guard let secret = kept.values[reference]?.secret(at: time.now, unixTime: time.unixTime),
      case let age = secret.fetchedAt.duration(to: time.now), isYoungEnough(age)
    else {
      return nil
    }
    return (secret, age)
  }

  /// `results` with what was kept in the place of failures, where each of them says no more than that its store cannot be asked, and
  /// each has something in its place; else `results` as they are. What took a place is told of, and what a store refuses is destroyed.
  func filling(
    _ results: [Reference: FetchResult], with kept: GenerationCache.Restored
  ) -> [Reference: FetchResult] {
    let failures = results.compactMapValues(\.failure)
    guard !failures.isEmpty else {
      return results
    }
    guard failures.values.allSatisfy(\.isAbsence) else {
      destroy(failures.filter { $0.value.forfeits })
      return results
    }
    var filled = results
    var stale: [Stale] = []
    for entry in execution.secrets {
      guard let failure = failures[entry.reference] else {
        continue
      }
      guard let (secret, age) = usable(entry.reference, of: kept) else {
        return results
      }
      filled[entry.reference] = .success(secret)
      stale.append(Stale(entry: entry, age: age, failure: failure))
    }
    for value in stale {
      log.warning(
        "stale value used",
        metadata: [
          "secret": "\(value.entry.name)", "age_seconds": .stringConvertible(value.age),
          "reason": "\(value.failure.line)",
        ])
    }
    return filled
  }

  /// Keeps `results` for later runs, where all of them are values of now; else destroys what a store refuses.
  private func keep(_ results: [Reference: FetchResult]) {
    var live: [Reference: GenerationCache.Live] = [:]
    for (reference, result) in results {
      guard case .success(let secret) = result else {
        return destroy(results.compactMapValues(\.failure).filter { $0.value.forfeits })
      }
      if keepsLeases || secret.expiry == nil {
        live[reference] = GenerationCache.Live(secret, seenUnix: nil)
      }
    }
    do throws(CacheFault) {
      try cache.keep(execution, item, id, live, unless: nil, maxStale: nil, at: (time.unixTime, time.now))
    } catch {
      log.warning("cache not written", metadata: ["reason": "\(error)"])
    }
  }

  /// The same of what a scheduler holds: where one of them could not be refreshed, or was not tried yet, what is kept stays as it is.
  func keep(_ states: [Reference: ReferenceState]) {
    guard states.values.allSatisfy({ $0.result != nil }) else {
      return
    }
    keep(states.compactMapValues { state in state.failure.map { .failure($0) } ?? state.result })
  }

  private func destroy(_ refused: [Reference: ProviderFailure]) {
    guard !refused.isEmpty else {
      return
    }
    let names = execution.secrets.filter { refused[$0.reference] != nil }.map(\.name)
    do throws(CacheFault) {
      try cache.destroy(Set(names), of: id)
    } catch {
      log.warning("cache not written", metadata: ["reason": "\(error)"])
    }
  }

  private func isYoungEnough(_ age: Duration) -> Bool {
    policy.onMaxStale == .keep || policy.maxStale.map { age <= .nanoseconds($0.nanoseconds) } ?? true
  }
}

extension ProviderFailure {
  /// Whether it says no more than that the store cannot be asked now.
  fileprivate var isAbsence: Bool { isRetriable || source == .stranger }
}
