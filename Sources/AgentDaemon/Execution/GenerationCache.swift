import EventLoop
import ExecutionModel
import Refresh
import SealedCache

/// Keeps what executions were last delivered sealed on the disk, so that a start without a network has it.
struct GenerationCache: Sendable {
  /// How much older than its value a file may say that it is, in seconds: each writing costs the disk one.
  private static let precision: Int64 = 600

  private let folder: CacheFolder

  init(_ folder: CacheFolder) {
    self.folder = folder
  }

  /// The values of an earlier life that are still asked for in the same words of the same stores.
  ///
  /// - Returns: them by reference, and why there are none where a file cannot be used.
  func restore(_ execution: Execution, _ item: ExecutionDocument.Item, _ id: String) -> (
    [Reference: RestoredValue], String?
  ) {
    do throws(CacheFault) {
      guard let generation = try folder.read(id) else {
        return ([:], nil)
      }
      let values = Dictionary(generation.values.map { ($0.name, $0) }) { first, _ in first }
      let identities = item.identities
      var restored: [Reference: RestoredValue] = [:]
      for entry in execution.secrets {
        if let value = values[entry.name], value.identity == identities[entry.name] {
          restored[entry.reference] = RestoredValue(
            payload: value.payload, version: value.version, fetchedAtUnix: value.fetchedAtUnix,
            expiresAtUnix: value.expiresAtUnix)
        }
      }
      return (restored, nil)
    } catch {
      return ([:], error.description)
    }
  }

  /// Seals the values of `states`, all of which were delivered, unless they are those of `last`. One that its store refuses, or has no
  /// more, is not kept.
  ///
  /// - Parameter maxStale: seconds after which a value is of no use.
  /// - Returns: what is in the file now.
  func keep(
    _ execution: Execution, _ item: ExecutionDocument.Item, _ id: String, _ states: [Reference: ReferenceState],
    unless last: CachedGeneration?, maxStale: Int64?, at clock: (unix: Int64, moment: Moment)
  ) throws(CacheFault) -> CachedGeneration? {
    let held = execution.secrets.filter { entry in
      states[entry.reference].map { $0.value != nil && $0.failure?.forfeits != true } ?? false
    }
    let precision = min(Self.precision, (maxStale ?? .max) / 2)
    if let last, Self.says(last, held, states, within: precision) {
      return last
    }
    let identities = item.identities
    let values = held.compactMap { entry -> CachedValue? in
      guard let state = states[entry.reference], let value = state.value, let identity = identities[entry.name] else {
        return nil
      }
      let left = value.expiry.map { clock.moment.duration(to: $0).components.seconds }
      return CachedValue(
        name: entry.name, identity: identity, version: value.version,
        fetchedAtUnix: state.lastSuccessUnix ?? clock.unix,
        expiresAtUnix: left.map { clock.unix.addingReportingOverflow($0).partialValue }, payload: value.payload)
    }
    return try write(CachedGeneration(executionID: id, values: values))
  }

  /// Destroys what is kept of `names`; the rest stays as it is.
  ///
  /// - Returns: what is in the file now.
  func destroy(_ names: Set<String>, of id: String) throws(CacheFault) -> CachedGeneration? {
    guard let kept = try folder.read(id), kept.values.contains(where: { names.contains($0.name) }) else {
      return nil
    }
    return try write(CachedGeneration(executionID: id, values: kept.values.filter { !names.contains($0.name) }))
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
    _ last: CachedGeneration, _ entries: [SecretEntry], _ states: [Reference: ReferenceState], within precision: Int64
  ) -> Bool {
    last.values.count == entries.count
      && zip(last.values, entries).allSatisfy { value, entry in
        guard let state = states[entry.reference], let held = state.value, value.name == entry.name else {
          return false
        }
        let seen = state.lastSuccessUnix ?? value.fetchedAtUnix
        return held.payload == value.payload && held.version == value.version
          && seen.subtractingReportingOverflow(value.fetchedAtUnix).partialValue.magnitude <= precision.magnitude
      }
  }

  func remove(_ id: String) throws(CacheFault) { try folder.remove(id) }
}
