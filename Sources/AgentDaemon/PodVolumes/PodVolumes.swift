import EventLoop
import ExecutionModel
import Logging
import Masking
import NodePolicy
import ProviderKit
import Refresh
import Resolution
import SecretBytes
import Text

/// The volumes of the node's pods that the CSI provider asks for: what they hold is kept fresh as executions' values are, in memory,
/// and the driver writes it. Nobody says when a volume is gone; it is forgotten when nobody has asked for it for a while.
@DaemonActor
final class PodVolumes {
  enum Answer: Sendable {
    case values(DeliveredGeneration)
    /// Nothing, and why: a line a fault, or an entry that failed.
    case nothing(VolumeProblem, [String])
  }

  struct Counts: Sendable, Equatable {
    /// Volumes that are kept fresh.
    var volumes = 0
    /// Answered requests, and those among them that got older values, since a store gave no newer ones.
    var mounts = 0
    var staleMounts = 0
    /// Requests that got nothing.
    var failedMounts = 0
  }

  private struct Key: Hashable {
    let identity: WorkloadIdentity
    let document: SecretBytes
  }

  private struct Volume {
    let owner: String
    var plan: ExecutionPlan
    var askedAt: Moment
    var generation: DeliveredGeneration?
  }

  /// How long a request waits for values that were never there.
  private static let patience = Duration.seconds(20)
  /// The same where the last answer was a refusal, which is told where no other comes.
  private static let secondPatience = Duration.seconds(5)
  /// How many different ones there may be: a class's author makes as many as the cluster lets it.
  nonisolated static let most = 1000
  /// The same of one namespace: a node runs a few hundred pods at most.
  nonisolated static let mostOfNamespace = 250
  /// After how long without a request a volume is forgotten. Drivers ask every two minutes where they are set up to rotate.
  static let idle = Duration.seconds(3600)
  /// The same of one that never held anything: the kubelet tries a mount again every two minutes at the latest.
  static let idleWithoutValues = Duration.seconds(600)

  private let admission: VolumeAdmission
  private let scheduler: RefreshScheduler
  private let tokens: WorkloadTokens
  private let settings: @DaemonActor () -> (nodeID: String, policy: NodePolicy)
  private let time: any TimeSource
  private let worker: WorkerThread?
  private let log: Logger
  private let hidden: LiveValues
  private let arrivals: Arrivals
  private var volumes: [Key: Volume] = [:]
  private var keys: [String: Key] = [:]
  private var lastNumber: UInt64 = 0
  private var counted = Counts()

  init(
    catalog: ProviderCatalog, scheduler: RefreshScheduler, tokens: WorkloadTokens, time: any TimeSource,
    executor: (any TaskExecutor)?, worker: WorkerThread?, log: Logger, hidden: LiveValues,
    settings: @escaping @DaemonActor () -> (nodeID: String, policy: NodePolicy)
  ) {
    admission = VolumeAdmission(catalog: catalog, worker: worker, settings: settings)
    self.scheduler = scheduler
    self.tokens = tokens
    self.settings = settings
    self.time = time
    self.worker = worker
    self.log = log
    self.hidden = hidden
    arrivals = Arrivals(time: time, executor: executor)
  }

  var counts: Counts {
    var counts = counted
    counts.volumes = volumes.count
    return counts
  }

  // MARK: - Requests

  /// What the volume holds now.
  func answer(_ request: VolumeRequest) async -> Answer {
    let answer = await answered(request)
    counted.mounts &+= 1
    if case .nothing(let problem, let lines) = answer {
      counted.failedMounts &+= 1
      log.warning(
        "volume not given",
        metadata: [
          "identity": "\(request.identity)", "pod": "\(request.pod)", "problem": "\(problem)",
          "reason": "\(ShownText.reasons(lines, atMost: 5))",
        ])
    }
    return answer
  }

  private func answered(_ request: VolumeRequest) async -> Answer {
    let key = Key(identity: request.identity, document: request.document)
    if let refusal = await takeIn(request, key) {
      return refusal
    }
    volumes[key]?.askedAt = time.now
    let owner = volumes[key]?.owner ?? ""
    let failures = retry(key)
    let isTried: Bool? = await arrivals.first(until: time.now.advanced(by: Self.patience)) {
      self.scheduler.isTried(owner) ? true : nil
    }
    guard isTried == true else {
      return .nothing(.unavailable, untried(owner))
    }
    await isOver(failures, owner)
    guard let assembled = await assemble(key) else {
      return .nothing(.unavailable, ["the volume was forgotten meanwhile; the driver asks again"])
    }
    return assembled
  }

  /// Takes in what the request brings: its tokens, and a class that was not asked for before.
  ///
  /// - Returns: why not.
  private func takeIn(_ request: VolumeRequest, _ key: Key) async -> Answer? {
    let admitted: (plan: ExecutionPlan, warnings: [String])?
    do throws(DocumentRefusal) {
      try admission.check(request)
      admitted = volumes[key] == nil ? try await admission.plan(for: key.identity, key.document) : nil
    } catch {
      return .nothing(error.isPolicy ? .forbidden : .invalid, error.lines + error.warnings)
    }
    // Another pod's request may have been quicker.
    guard let (plan, warnings) = admitted, volumes[key] == nil else {
      tokens.note(request.tokens, of: key.identity)
      return nil
    }
    if let full = noRoom(for: key.identity) {
      return .nothing(.full, [full])
    }
    tokens.note(request.tokens, of: key.identity)
    lastNumber &+= 1
    let owner = "volume \(lastNumber) of \(key.identity)"
    volumes[key] = Volume(owner: owner, plan: plan, askedAt: time.now)
    keys[owner] = key
    log.notice(
      "volume opened",
      metadata: [
        "identity": "\(key.identity)", "pod": "\(request.pod)", "secrets": .stringConvertible(plan.items.count),
      ])
    for warning in warnings {
      log.warning("document warning", metadata: ["identity": "\(key.identity)", "reason": "\(warning)"])
    }
    await scheduler.subscribe(owner, plan.subscriptions)
    return nil
  }

  /// One namespace cannot take the room of all.
  private func noRoom(for identity: WorkloadIdentity) -> String? {
    if volumes.count >= Self.most {
      return "there are \(Self.most) different volumes on this node, and no room for another"
    }
    guard volumes.keys.count(where: { $0.identity.namespace == identity.namespace }) >= Self.mostOfNamespace else {
      return nil
    }
    return "namespace \(identity.namespace) has \(Self.mostOfNamespace) different volumes on this node, and no room "
      + "for another: let its pods share classes and service accounts"
  }

  /// A request brings new tokens: what was refused with the old ones is asked for anew, as often as the scheduler lets anybody.
  ///
  /// - Returns: how often those have failed in a row that are being asked for.
  private func retry(_ key: Key) -> [Reference: Int] {
    guard let volume = volumes[key] else {
      return [:]
    }
    let denied = scheduler.stateList(of: volume.owner).filter { $0.1.failure?.kind == .denied }
    guard !denied.isEmpty, scheduler.refresh(denied.map(\.0)).tooSoon == 0 else {
      return [:]
    }
    return Dictionary(denied.map { ($0.0, $0.1.failuresInARow) }) { first, _ in first }
  }

  /// Returns when those were asked for again, or after a while: a failure that is as it was is news to nobody, so nobody tells of it.
  private func isOver(_ failures: [Reference: Int], _ owner: String) async {
    let end = time.now.advanced(by: Self.secondPatience)
    while time.now < end, !failures.isEmpty {
      let isOver = scheduler.stateList(of: owner).allSatisfy { reference, state in
        failures[reference].map { state.failure == nil || state.failuresInARow != $0 } ?? true
      }
      guard !isOver, (try? await time.sleep(for: .milliseconds(50))) != nil else {
        return
      }
    }
  }

  /// A line for each reference whose store has not answered yet.
  private func untried(_ owner: String) -> [String] {
    let silent = scheduler.stateList(of: owner).filter { $0.1.value == nil && $0.1.failure == nil }
    return silent.map { "\(ShownText.clean($0.0.description)): its store has not answered yet; the driver asks again" }
  }

  // MARK: - Values

  /// Values of `owners` changed, or could not be had.
  func valuesChanged(_ owners: Set<String>) {
    if owners.contains(where: { keys[$0] != nil }) {
      arrivals.tell()
    }
  }

  /// The newest whole generation; an older one where values fail.
  private func assemble(_ key: Key) async -> Answer? {
    guard let volume = volumes[key] else {
      return nil
    }
    let policy = settings().policy
    let (states, plan, limit) = (scheduler.stateList(of: volume.owner), volume.plan, policy.bounds.executionBytes)
    let freshness = Freshness(policy: policy, now: time.now)
    let result = await WorkerThread.run(on: worker) { () -> Result<Generation, GenerationFailure> in
      let byReference = Dictionary(states) { first, _ in first }
      return Result { () throws(GenerationFailure) in
        try GenerationAssembly.assemble(plan, atMost: limit) { item in
          let state = byReference[item.entry.reference]
          // A value that its store refuses, or has no more, is not given on, though it is held.
          if let failure = state?.failure, failure.forfeits {
            return .failure(failure)
          }
          return freshness.result(of: state)
        }
      }
    }
    let answer: Answer
    switch result {
    case .success(let generation): answer = .values(note(generation, key))
    case .failure(let failure):
      let isForfeit = states.contains { $0.1.failure?.forfeits == true || freshness.isTooOld($0.1) }
      guard let held = volumes[key]?.generation, !isForfeit else {
        volumes[key]?.generation = nil
        return .nothing(VolumeProblem(failure), failure.lines)
      }
      answer = .values(held)
    }
    if states.contains(where: { freshness.isLate($0.1) }) {
      counted.staleMounts &+= 1
    }
    return answer
  }

  /// Numbered from the time of the first, so that a restart of the daemon does not give a number again for something else.
  private func note(_ generation: Generation, _ key: Key) -> DeliveredGeneration {
    let last = volumes[key]?.generation
    if let last, last.secrets.map(\.name) == generation.secrets.map(\.name),
      zip(last.secrets, generation.secrets).allSatisfy({ $0.value == $1.value && $0.version == $1.version })
    {
      return last
    }
    let number = last.map { $0.number &+ 1 } ?? time.unixTime
    let delivered = DeliveredGeneration(volumes[key]?.owner ?? "", nil, number, generation)
    volumes[key]?.generation = delivered
    hidden.set(generation.secrets.map(\.value), of: delivered.execution)
    return delivered
  }

  // MARK: - The end

  /// Forgets what nobody asks for any more.
  func audit() async {
    for (key, volume) in volumes {
      let (limit, words) = volume.generation == nil ? (Self.idleWithoutValues, "10 minutes") : (Self.idle, "an hour")
      if volume.askedAt.duration(to: time.now) > limit {
        await forget(key, "nobody asked for it in \(words)")
      }
    }
  }

  /// Holds every class anew against configuration and policy, which were reloaded: what they let be no longer is given no longer.
  func reload() async {
    for key in volumes.keys {
      do throws(DocumentRefusal) {
        let plan = try await admission.plan(for: key.identity, key.document).plan
        if let owner = volumes[key]?.owner {
          volumes[key]?.plan = plan
          await scheduler.subscribe(owner, plan.subscriptions)
        }
      } catch {
        await forget(key, ShownText.reasons(error.lines, atMost: 5))
      }
    }
  }

  private func forget(_ key: Key, _ reason: String) async {
    guard let volume = volumes.removeValue(forKey: key) else {
      return
    }
    keys[volume.owner] = nil
    hidden.set([], of: volume.owner)
    if !volumes.keys.contains(where: { $0.identity == key.identity }) {
      tokens.forget(key.identity)
    }
    log.notice("volume forgotten", metadata: ["identity": "\(key.identity)", "reason": "\(reason)"])
    await scheduler.unsubscribe(volume.owner)
  }
}
