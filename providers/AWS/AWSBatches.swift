import EventLoop
import ProviderKit

extension BatchFetch.Outcome {
  /// What a failed batch call means for its values. A refusal may be about one of them (a name that the API does not take), so
  /// each is asked for by itself; bad credentials, throttling and faults of the service are about all.
  init(_ failure: AWSCallFailure) {
    guard let error = failure.error, !failure.failure.isRetriable else {
      self = .failed(failure.failure)
      return
    }
    switch error.kind(status: failure.failure.status ?? 0) {
    case .credentials, .signature, .throttled, .transient:
      self = .failed(failure.failure)
    case .denied where error.code == nil, .other where error.code == nil:
      // An answer without a code is not the service's: single calls would get the same.
      self = .failed(failure.failure)
    case .denied:
      self = .refused(isDenied: error.isAccessDenied && !error.speaksOfKeys)
    case .decryption, .missing:
      self = .refused(isDenied: false)
    case .other:
      self = .refused(isDenied: error.code == "UnknownOperation")
    }
  }
}

extension Array {
  /// Runs of `size` elements, the last of them shorter.
  func chunks(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: Swift.max(size, 1)).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}

extension AWSCredentialChain {
  /// Finds credentials, unless they are there already; AWS itself is not asked.
  func report(_ services: ProviderServices) async throws(ProviderFailure) -> LoginReport {
    let credentials = try await current().credential
    let left = credentials.credentials.expiresAt.map { $0.subtractingReportingOverflow(services.time.unixTime) }
    return LoginReport(
      identity: credentials.shown,
      lifetime: left.flatMap { $0.overflow || $0.partialValue <= 0 ? nil : .seconds($0.partialValue) })
  }
}
