import ProviderKit
import Synchronization

/// Fetches many values by a service's batch call, and singly what the batch leaves.
struct BatchFetch: Sendable {
  /// What a batch came to.
  enum Outcome: Sendable {
    /// One result a place of the batch, in its order; `nil`: to be asked for by itself.
    case answered([FetchResult?])
    /// The service does not do it: every value is asked for by itself. `isDenied`: the identity may not use the batch call.
    case refused(isDenied: Bool)
    /// Nothing is to be had now.
    case failed(ProviderFailure)
  }

  /// What a denied batch means.
  enum Denial: Sendable {
    /// The action is not allowed at all.
    case ofAction
    /// It may be one of the batch's resources that is not allowed; then its single call is denied as well.
    case ofActionOrResource
  }

  let denial: Denial
  let gate: BatchGate
  let inFlight: Int

  /// - Parameters:
  ///   - count: how many values there are.
  ///   - batches: places from 0 up to `count`; those in none are fetched singly.
  /// - Returns: a result a place.
  func run(
    count: Int, batches: [[Int]], single: @escaping @Sendable (Int) async -> FetchResult,
    batch: @escaping @Sendable ([Int]) async -> Outcome
  ) async -> [FetchResult] {
    var results = [FetchResult?](repeating: nil, count: count)
    let batches = gate.isOpen ? batches.filter { $0.count > 1 } : []
    let outcomes = await inOrder(batches, atMost: inFlight) { await batch($0) }
    var denied: [[Int]] = []
    for (places, outcome) in zip(batches, outcomes) {
      switch outcome {
      case .answered(let answers):
        for (place, answer) in zip(places, answers) {
          results[place] = answer
        }
      case .refused(let isDenied):
        if isDenied {
          denied.append(places)
        }
      case .failed(let failure):
        for place in places {
          results[place] = .failure(failure)
        }
      }
    }
    let left = results.indices.filter { results[$0] == nil }
    let singles = await inOrder(left, atMost: inFlight) { await single($0) }
    for (place, result) in zip(left, singles) {
      results[place] = result
    }
    if denied.contains(where: { meansAction($0, results) }) {
      gate.close()
    }
    return results.compactMap { $0 }
  }

  private func meansAction(_ places: [Int], _ results: [FetchResult?]) -> Bool {
    denial == .ofAction
      || places.allSatisfy { place in
        guard case .failure(let failure)? = results[place] else {
          return true
        }
        return failure.kind != .denied
      }
  }
}

/// Whether a connection's batch call is worth trying; closed for good once it was denied.
final class BatchGate: Sendable {
  private let isClosed = Atomic(false)
  private let onClose: @Sendable () -> Void

  /// - Parameter onClose: called once, to tell an operator.
  init(onClose: @escaping @Sendable () -> Void) {
    self.onClose = onClose
  }

  var isOpen: Bool { !isClosed.load(ordering: .relaxed) }

  func close() {
    if !isClosed.exchange(true, ordering: .relaxed) {
      onClose()
    }
  }
}
