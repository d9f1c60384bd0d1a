import EventLoop
import ExecutionModel
import ProviderKit

/// Asks the server whether a token is still good: once for all that were refused at the same time.
actor VaultTokenCheck {
  /// How long an answer is believed. A burst of refusals asks once; a token revoked later is noticed.
  static let validity: Duration = .seconds(5)

  private let api: VaultAPI
  private var asked: (generation: Int, at: Moment, answer: Task<Bool?, Never>)?

  init(api: VaultAPI) {
    self.api = api
  }

  /// `nil` where the server cannot be asked: then the refusal stands as it was.
  func isAlive(_ login: Session<VaultToken>.Login) async -> Bool? {
    let services = api.connection.services
    let now = services.time.now
    if let asked, asked.generation == login.generation, now < asked.at.advanced(by: Self.validity) {
      return await asked.answer.value
    }
    var call = login.credential.lookUp
    // A refused read waits for it.
    call.schedule = RetrySchedule(attempts: 1)
    let answer = Task(executorPreference: services.executor) { [api, call] () -> Bool? in
      guard let status = try? await api.send(call).status else {
        return nil
      }
      return status != 401 && status != 403
    }
    asked = (login.generation, now, answer)
    return await answer.value
  }
}
