import Synchronization

/// The caller's side of a transfer: resumed exactly once, by its end or by its cancellation, whichever is first.
final class TransferTicket: Sendable {
  typealias Outcome = Result<HTTPResponse, TransportFailure>

  private struct State {
    var continuation: CheckedContinuation<Outcome, Never>?
    var isOver = false
  }

  private let state = Mutex(State())

  func arm(_ continuation: CheckedContinuation<Outcome, Never>) {
    state.withLock { $0.continuation = continuation }
  }

  func finish(_ outcome: Outcome) {
    let continuation = state.withLock { state in
      defer { state.continuation = nil }
      state.isOver = true
      return state.continuation
    }
    continuation?.resume(returning: outcome)
  }

  var isOver: Bool { state.withLock { $0.isOver } }
}
