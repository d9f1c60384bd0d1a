import EventLoop
import JSONReader
import ProviderKit
import SecretBytes
import Synchronization

/// Keeps the token of one connection alive: renews it at two thirds of its life for as long as that lengthens it.
final class VaultRenewal: Sendable {
  private struct Running {
    let generation: Int
    let task: Task<Void, Never>
  }

  private let running = Mutex<Running?>(nil)
  private let session: LoginSession<VaultToken>
  private let api: VaultAPI
  private let services: ProviderServices

  init(session: LoginSession<VaultToken>, api: VaultAPI, services: ProviderServices) {
    self.session = session
    self.api = api
    self.services = services
  }

  /// Sees to the token of `login`, once, however often it is told.
  func watch(_ login: LoginSession<VaultToken>.Login) {
    guard login.credential.isRenewable, login.credential.lifetime != nil else {
      return
    }
    running.withLock { running in
      guard running?.generation != login.generation else {
        return
      }
      running?.task.cancel()
      let task = Task(executorPreference: services.executor) { [session, api, services] in
        await Self.keep(login, session, api, services)
      }
      running = Running(generation: login.generation, task: task)
    }
  }

  func stop() {
    running.withLock { running in
      running?.task.cancel()
      running = nil
    }
  }

  private static func keep(
    _ login: LoginSession<VaultToken>.Login, _ session: LoginSession<VaultToken>, _ api: VaultAPI,
    _ services: ProviderServices
  ) async {
    var token = login.credential
    let granted = token.lifetime ?? .zero
    while let due = token.twoThirds, token.isRenewable {
      guard (try? await services.time.sleep(until: due)) != nil else {
        return
      }
      let sentAt = services.time.now
      let outcome = await renew(token, api)
      switch outcome {
      case .success(let auth):
        services.metrics.renewed(true)
        // The answer of renew-self repeats the token; what it says of its life counts.
        let seconds = min(auth?.member("lease_duration")?.int64 ?? 0, VaultToken.longestSeconds)
        let lifetime = Duration.seconds(seconds)
        // Close to the maximum TTL a renewal gives less and less: then the rest is used up, and a new login follows.
        let lengthens = lifetime >= granted * 2 / 3 && auth?.member("renewable")?.boolean ?? true
        token = VaultToken(
          value: token.value, isOwn: token.isOwn, isBatch: false, isRenewable: lengthens, lifetime: lifetime,
          issuedAt: sentAt, isVerified: true)
        await session.renew(token.grant, generation: login.generation)
        services.log.debug("token renewed", metadata: ["seconds": "\(seconds)"])
      case .failure(let failure) where failure.isRetriable:
        services.metrics.renewed(false)
        // Until the token ends there is time to try again, at ever shorter remainders but never in a hurry.
        services.log.warning("token not renewed, trying again", metadata: ["reason": "\(failure.line)"])
        let left = token.expiry.map { services.time.now.duration(to: $0) } ?? .zero
        guard left > .seconds(1), (try? await services.time.sleep(for: max(left / 3, .seconds(1)))) != nil else {
          return await session.forget(generation: login.generation)
        }
        token = token.dueNow(services.time.now)
      case .failure(let failure):
        services.metrics.renewed(false)
        services.log.warning("token not renewed, logging in anew", metadata: ["reason": "\(failure.line)"])
        return await session.forget(generation: login.generation)
      }
    }
  }

  private static func renew(_ token: VaultToken, _ api: VaultAPI) async -> Result<JSONValue?, ProviderFailure> {
    do throws(ProviderFailure) {
      let call = VaultAPI.Call(method: .post, path: ["auth/token/renew-self"], token: token.value)
      return .success(try await api.send(call).json?.member("auth"))
    } catch {
      return .failure(error)
    }
  }
}

extension VaultToken {
  /// The same token with its remaining life, due for renewal at once.
  fileprivate func dueNow(_ now: Moment) -> VaultToken {
    let left = expiry.map { now.duration(to: $0) } ?? .zero
    return VaultToken(
      value: value, isOwn: isOwn, isBatch: isBatch, isRenewable: isRenewable, lifetime: max(left, .zero),
      issuedAt: now.advanced(by: .zero - left * 2 / 3), isVerified: isVerified)
  }
}
