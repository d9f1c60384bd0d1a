import EventLoop
import ProviderKit

/// The token of one identity for one resource: fetched once however many want it, and replaced early, while the old one is good.
actor AzureTokenSession {
  typealias Login = LoginSession<AzureAccessToken>.Login

  /// How long after a renewal that failed the next one is tried.
  static let pause: Duration = .seconds(30)

  private let session: LoginSession<AzureAccessToken>
  private let source: @Sendable () async throws(ProviderFailure) -> AzureAccessToken
  private let services: ProviderServices
  private var nextRenewal: Moment?
  /// The renewal that is under way.
  private(set) var renewal: Task<Void, Never>?

  init(
    connection: String, services: ProviderServices,
    source: @escaping @Sendable () async throws(ProviderFailure) -> AzureAccessToken
  ) {
    self.services = services
    self.source = source
    self.session = LoginSession(connection: connection, services: services) { () async throws(ProviderFailure) in
      try await source().grant
    }
  }

  /// A token that is good now. One that is due is renewed on the side; nobody waits for that.
  func current() async throws(ProviderFailure) -> Login {
    let login = try await session.current()
    let now = services.time.now
    if now >= login.credential.renewAt, renewal == nil, nextRenewal.map({ $0 <= now }) ?? true {
      renewal = Task(executorPreference: services.executor) { await self.renew(login) }
    }
    return login
  }

  /// A token newer than `refused`.
  func replacing(_ refused: Login) async throws(ProviderFailure) -> Login {
    try await session.replacing(refused)
  }

  private func renew(_ login: Login) async {
    do throws(ProviderFailure) {
      let token = try await source()
      await session.renew(token.grant, generation: login.generation)
      nextRenewal = nil
    } catch {
      services.log.warning("token not renewed, the old one is kept", metadata: ["reason": "\(error.line)"])
      nextRenewal = services.time.now.advanced(by: Self.pause)
    }
    renewal = nil
  }
}
