import EventLoop
import ExecutionModel
import ProviderKit

/// Takes back what the agent made at a server: one attempt for each, all at once, since a server that is silent must not keep the agent.
/// What is not taken back ends by itself.
struct VaultLeaving: Sendable {
  let api: VaultAPI
  let token: VaultToken

  /// - Parameter leases: the calls that revoke them.
  func revoke(_ leases: [VaultAPI.Call]) async {
    let end = api.connection.leavingEnd
    var calls = leases
    if token.isRevocable {
      // First, since the server takes the token's leases back with it; that it did, their own calls are told by 403.
      calls.insert(VaultAPI.Call(method: .post, path: "auth/token/revoke-self"), at: 0)
    }
    let outcomes = await inOrder(calls, atMost: api.connection.services.limits.inFlight) { call in
      await failure(of: call, until: end, accepting: token.isRevocable ? [403] : [])
    }
    for (call, failure) in zip(calls, outcomes) {
      if let failure {
        let what = call.method == .post ? "token" : "lease"
        api.connection.services.log.warning(
          "\(what) not revoked, it ends by itself",
          metadata: ["provider": "\(api.connection.name)", "reason": "\(failure.line)"])
      }
    }
  }

  private func failure(
    of call: VaultAPI.Call, until end: Moment, accepting statuses: Set<Int>
  ) async -> ProviderFailure? {
    var call = call
    call.token = token.value
    call.accepts = statuses
    call.schedule = RetrySchedule(attempts: 1)
    call.end = end
    do throws(ProviderFailure) {
      _ = try await api.send(call)
      return nil
    } catch {
      return error
    }
  }
}
