import EventLoop
import ExecutionModel
import Masking
import ProviderKit
import Refresh
import Resolution
import SealedCache
import SecretBytes

/// Keeps what executions were last delivered sealed on the disk, so that a start without a network has it.
public struct GenerationCache: Sendable {
  /// A value that is to be kept.
  public struct Live: Sendable {
    public let secret: FetchedSecret
    /// When it was last seen to hold, on the wall clock; `nil`: now.
    public let seenUnix: Int64?

    public init(_ secret: FetchedSecret, seenUnix: Int64?) {
      self.secret = secret
      self.seenUnix = seenUnix
    }
  }

  /// How much older than its value a file may say that it is, in seconds: each writing costs the disk one.
  private static let precision: Int64 = 600

  private let folder: CacheFolder
  private let hidden: LiveValues

  /// - Parameter hidden: told of the values that are restored, as long as they are in use.
  public init(_ folder: CacheFolder, hiding hidden: LiveValues = LiveValues()) {
    self.folder = folder
    self.hidden = hidden
  }

  /// What an earlier life of the process left of one execution.
  public struct Restored: Sendable {
    /// Values that are still asked for in the same words of the same stores.
    public var values: [Reference: RestoredValue] = [:]
    /// What connections of the same words can go on with, by their providers' names.
    var handovers: [String: SecretBytes] = [:]
    /// What the file holds; `nil` where it is to be written anew in any case.
    var kept: CachedGeneration?
    /// Why there is nothing, where a file cannot be used.
    public var problem: String?
  }

  public func restore(_ execution: Execution, _ item: ExecutionDocument.Item, _ id: String) -> Restored {
    var restored = Restored()
    do throws(CacheFault) {
      guard let generation = try folder.read(id) else {
        return restored
      }
      restored.kept = folder.isOfNewestKey(id) ? generation : nil
      let values = Dictionary(generation.values.map { ($0.name, $0) }) { first, _ in first }
      let identities = item.identities
      for entry in execution.secrets {
        if let value = values[entry.name], value.identity == identities[entry.name] {
          let previous = Self.previous(entry, values)
          let watch = ValueWatch(hidden) { TakenFields(entry.fields).values(of: $0) }
          restored.values[entry.reference] = RestoredValue(
            payload: value.payload, version: value.version, fetchedAtUnix: value.fetchedAtUnix,
            expiresAtUnix: value.expiresAtUnix, previous: previous, mark: watch.mark(value.payload, previous))
        }
      }
      let providers = item.providerIdentities
      for handover in generation.handovers {
        for (name, identity) in providers where identity == handover.identity {
          restored.handovers[name] = handover.content
        }
      }
    } catch {
      restored.problem = error.description
    }
    return restored
  }

  /// What is to be kept of connections, for the file of the execution of `item`.
  static func kept(
    _ handovers: [(connection: ProviderConnection, handover: SecretBytes)], _ item: ExecutionDocument.Item
  ) -> [CachedHandover] {
    let identities = item.providerIdentities
    return handovers.compactMap { connection, content in
      identities[connection.name].map { CachedHandover(identity: $0, content: content) }
    }
  }

  /// Seals `live`, all of which were delivered, unless they are those of `last`.
  ///
  /// - Parameter maxStale: seconds after which a value is of no use.
  /// - Returns: what is in the file now.
  @discardableResult
  public func keep(
    _ execution: Execution, _ item: ExecutionDocument.Item, _ id: String, _ live: [Reference: Live],
    _ handovers: [CachedHandover] = [], unless last: CachedGeneration?, maxStale: Int64?,
    at clock: (unix: Int64, moment: Moment)
  ) throws(CacheFault) -> CachedGeneration? {
    let held = execution.secrets.flatMap { Held.all(of: $0, live[$0.reference]) }
    let precision = min(Self.precision, (maxStale ?? .max) / 2)
    // A file that somebody removed, as `cache purge` does, is written anew.
    if let last, last.handovers == handovers, folder.files.has(id), Self.says(last, held, within: precision, at: clock)
    {
      return last
    }
    let identities = item.identities
    let values = held.compactMap { held -> CachedValue? in
      guard let identity = identities[held.entry] else {
        return nil
      }
      return CachedValue(
        name: held.name, identity: identity, version: held.version, fetchedAtUnix: held.seenUnix ?? clock.unix,
        expiresAtUnix: held.expiresAtUnix(at: clock), payload: held.payload)
    }
    return try write(CachedGeneration(executionID: id, values: values, handovers: handovers))
  }

  /// Destroys what is kept of `names`; the rest stays as it is, where it can be kept without them. A file that cannot be opened, or a
  /// disk that is full, saves no value.
  ///
  /// - Parameter handovers: what is to be kept of connections; `nil`: what is.
  /// - Returns: what is in the file now; `nil`: nothing was to be done.
  @discardableResult
  public func destroy(
    _ names: Set<String>, of id: String, leaving handovers: [CachedHandover]? = nil
  ) throws(CacheFault) -> CachedGeneration? {
    guard !names.isEmpty else {
      return nil
    }
    do throws(CacheFault) {
      guard let kept = try folder.read(id), kept.values.contains(where: { names.contains($0.name) }) else {
        return nil
      }
      // With each the version before it, which is kept under the name that it is delivered as.
      let gone = kept.values.filter { names.contains($0.name) }
      let left = kept.values.filter { value in
        !gone.contains {
          $0.name == value.name || (PreviousVersion.name(of: $0.name) == value.name && $0.identity == value.identity)
        }
      }
      return try write(
        CachedGeneration(executionID: id, values: left, handovers: handovers ?? kept.handovers))
    } catch {
      try folder.remove(id)
      throw error
    }
  }

  /// What is delivered of one entry, and of the version before.
  private struct Held {
    let entry: String
    let name: String
    let payload: SecretBytes
    let version: String?
    let seenUnix: Int64?
    let expiry: Moment?

    /// On the wall clock.
    func expiresAtUnix(at clock: (unix: Int64, moment: Moment)) -> Int64? {
      expiry.map { clock.unix.addingReportingOverflow(clock.moment.duration(to: $0).components.seconds).partialValue }
    }

    /// Nothing where there is no value.
    static func all(of entry: SecretEntry, _ live: Live?) -> [Held] {
      guard let live else {
        return []
      }
      let value = live.secret
      func held(_ name: String, _ payload: SecretBytes, _ version: String?) -> Held {
        Held(
          entry: entry.name, name: name, payload: payload, version: version, seenUnix: live.seenUnix,
          expiry: value.expiry)
      }
      let current = held(entry.name, value.payload, value.version)
      guard entry.reference.wantsPrevious, case .value(let payload, let version)? = value.previous else {
        return [current]
      }
      return [current, held(PreviousVersion.name(of: entry.name), payload, version)]
    }
  }

  private static func previous(_ entry: SecretEntry, _ values: [String: CachedValue]) -> FetchedSecret.Previous? {
    guard entry.reference.wantsPrevious, let value = values[PreviousVersion.name(of: entry.name)],
      value.identity == values[entry.name]?.identity
    else {
      return nil
    }
    return .value(value.payload, version: value.version)
  }

  private func write(_ generation: CachedGeneration) throws(CacheFault) -> CachedGeneration? {
    guard !generation.values.isEmpty else {
      try folder.remove(generation.executionID)
      return nil
    }
    try folder.write(generation)
    return generation
  }

  private static func says(
    _ last: CachedGeneration, _ held: [Held], within precision: Int64, at clock: (unix: Int64, moment: Moment)
  ) -> Bool {
    func isNear(_ one: Int64, _ other: Int64, _ precision: Int64) -> Bool {
      one.subtractingReportingOverflow(other).partialValue.magnitude <= precision.magnitude
    }
    return last.values.count == held.count
      && zip(last.values, held).allSatisfy { value, held in
        guard held.name == value.name, held.payload == value.payload, held.version == value.version else {
          return false
        }
        let seen = held.seenUnix ?? value.fetchedAtUnix
        switch (held.expiresAtUnix(at: clock), value.expiresAtUnix) {
        case (nil, nil):
          return isNear(seen, value.fetchedAtUnix, precision)
        case (let end?, let kept?):
          // A lease that was renewed goes on: what ends sooner is told of sooner.
          let life = end.subtractingReportingOverflow(seen).partialValue
          let precision = min(precision, max(life / 4, 1))
          return isNear(seen, value.fetchedAtUnix, precision) && isNear(end, kept, precision)
        default:
          return false
        }
      }
  }

  func remove(_ id: String) throws(CacheFault) { try folder.remove(id) }
}

extension ReferenceState {
  /// Its value, as far as it is to be kept: one that its store refuses, or has no more, is not.
  var live: GenerationCache.Live? {
    guard let value, !isRefused else {
      return nil
    }
    return GenerationCache.Live(value, seenUnix: lastSuccessUnix)
  }
}
