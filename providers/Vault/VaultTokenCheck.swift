import EventLoop
import ProviderKit
import SecretBytes

/// Asks the server whether a token is still good: once for all that were refused at the same time.
actor VaultTokenCheck {
  /// How long an answer is believed. A burst of refusals asks once; a token revoked later is noticed.
  static let validity: Duration = .seconds(5)

  private let api: VaultAPI
  private let services: ProviderServices
  private var asked: (generation: Int, at: Moment, answer: Task<Bool, Never>)?

  init(api: VaultAPI, services: ProviderServices) {
    self.api = api
    self.services = services
  }

  /// `true` also where the server cannot be asked: then the refusal stands as it was.
  func isAlive(_ login: LoginSession<VaultToken>.Login) async -> Bool {
    let now = services.time.now
    if let asked, asked.generation == login.generation, now < asked.at.advanced(by: Self.validity) {
      return await asked.answer.value
    }
    let answer = Task(executorPreference: services.executor) { [api] in
      let call = VaultAPI.Call(
        path: ["auth/token/lookup-self"], token: login.credential.value, accepts: [401, 403])
      let status = try? await api.send(call).status
      return status != 401 && status != 403
    }
    asked = (login.generation, now, answer)
    return await answer.value
  }
}
