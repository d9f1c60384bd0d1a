import Foundation

/// Runs `body` on a thread of its own. What waits for an event loop, or for another program, must hold none of the pool's few threads:
/// other tests need them to go on, and so does what a loop asks of the daemon's actor.
public func onThread<Outcome: Sendable>(_ body: @escaping @Sendable () throws -> Outcome) async throws -> Outcome {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread {
      continuation.resume(with: Result { try body() })
    }
  }
}
