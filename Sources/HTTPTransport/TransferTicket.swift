import Synchronization

/// The caller's side of a transfer: resumed exactly once, by its end or by its cancellation, whichever is first.
final class TransferTicket: Sendable {
  typealias Outcome = Result<HTTPResponse, TransportFailure>

  private struct State {
    var continuation: CheckedContinuation<Outcome, Never>?
    /// The outcome that came before anyone waited for it.
    var early: Outcome?
    var isOver = false
  }

  private let state = Mutex(State())

  func arm(_ continuation: CheckedContinuation<Outcome, Never>) {
    let early = state.withLock { state in
      if !state.isOver {
        state.continuation = continuation
      }
      return state.early
    }
    if let early {
      continuation.resume(returning: early)
    }
  }

  func finish(_ outcome: Outcome) {
    let continuation = state.withLock { state in
      defer { state.continuation = nil }
      if !state.isOver, state.continuation == nil {
        state.early = outcome
      }
      state.isOver = true
      return state.continuation
    }
    continuation?.resume(returning: outcome)
  }

  var isOver: Bool { state.withLock { $0.isOver } }
}
