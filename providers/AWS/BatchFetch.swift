import ExecutionModel
import ProviderKit
import Synchronization

/// Fetches many values by a service's batch call, and singly what the batch leaves. Once the batch call was denied, it is not tried
/// again.
final class BatchFetch: Sendable {
  /// What a batch came to.
  enum Outcome: Sendable {
    /// One result a place of the batch, in its order; `nil`: to be asked for by itself.
    case answered([FetchResult?])
    /// The service does not do it: every value is asked for by itself. `isDenied`: the identity may not use the batch call.
    case refused(isDenied: Bool)
    /// Nothing is to be had now.
    case failed(ProviderFailure)

    /// A refusal may be about one of the values (a name that the API does not take), so each is asked for by itself; bad
    /// credentials, throttling and faults of the service are about all.
    init(_ error: AWSError, _ failure: ProviderFailure) {
      switch error.kind {
      case .credentials, .signature, .throttled, .transient:
        self = .failed(failure)
      case .other where error.code == nil:
        // An answer without a code is not the service's: single calls would get the same.
        self = .failed(failure)
      case .denied, .decryption, .missing, .other:
        self = .refused(isDenied: error.isAccessDenied || error.code == "UnknownOperation")
      }
    }
  }

  /// What a denied batch means.
  enum Denial: Sendable {
    /// The action is not allowed at all.
    case ofAction
    /// It may be one of the batch's resources that is not allowed; then its single call is denied as well.
    case ofActionOrResource
  }

  private let connection: OpenConnection
  private let service: AWSService.Name
  private let operation: String
  private let value: String
  private let denial: Denial
  private let isClosed = Atomic(false)

  /// - Parameter value: what one value is called, as `secret`.
  init(
    over connection: OpenConnection, _ service: AWSService.Name, _ operation: String, of value: String, denial: Denial
  ) {
    self.connection = connection
    self.service = service
    self.operation = operation
    self.value = value
    self.denial = denial
  }

  /// - Parameter batches: places of `lookups`; those in none are fetched singly.
  /// - Returns: a result a lookup.
  func run<Lookup: SecretLookup>(
    _ lookups: [Lookup], batches: [[Int]], single: @escaping @Sendable (Lookup) async -> FetchResult,
    batch: @escaping @Sendable ([Lookup]) async -> Outcome
  ) async -> [FetchResult] {
    let inFlight = connection.services.limits.inFlight
    var results = [FetchResult?](repeating: nil, count: lookups.count)
    let batches = isClosed.load(ordering: .relaxed) ? [] : batches.filter { $0.count > 1 }
    let outcomes = await inOrder(batches, atMost: inFlight) { places in await batch(places.map { lookups[$0] }) }
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
    let singles = await inOrder(left, atMost: inFlight) { await single(lookups[$0]) }
    for (place, result) in zip(left, singles) {
      results[place] = result
    }
    if denied.contains(where: { meansAction($0, results) }), !isClosed.exchange(true, ordering: .relaxed) {
      connection.services.log.notice(
        "\(operation) is denied; each \(value) is a call of its own",
        metadata: ["provider": "\(connection.name)", "hint": "allow \(service.rawValue):\(operation)"])
    }
    return results.compactMap { $0 }
  }

  private func meansAction(_ places: [Int], _ results: [FetchResult?]) -> Bool {
    denial == .ofAction
      || places.allSatisfy { place in
        results[place]?.failure?.kind != .denied
      }
  }
}

extension Array {
  /// Runs of `size` elements, the last of them shorter.
  func chunks(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
