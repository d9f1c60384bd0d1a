import EventLoop
import ExecutionModel

/// Work that needs a login.
extension OpenConnection {
  /// Whether a failed call says that its login is no longer good.
  public typealias Refusal<Credential: Sendable> =
    @Sendable (ProviderFailure, Session<Credential>.Login) async -> Bool

  /// The login of `session`, which other connections may share: failures are told under this connection's own name.
  public func login<Credential: Sendable>(
    to session: Session<Credential>
  ) async throws(ProviderFailure) -> Session<Credential>.Login {
    try takeUp(sharedBy: session.connection)
    let login: Session<Credential>.Login
    do throws(ProviderFailure) {
      login = try await session.current()
    } catch {
      throw error.told(by: name)
    }
    if login.isStale {
      metrics.usedStaleLogin(hasEnded: login.hasEnded)
    }
    try takeUp(sharedBy: session.connection)
    return login
  }

  /// A login newer than `refused`.
  public func login<Credential: Sendable>(
    to session: Session<Credential>, replacing refused: Session<Credential>.Login
  ) async throws(ProviderFailure) -> Session<Credential>.Login {
    services.log.notice("login no longer accepted, logging in anew", metadata: ["provider": "\(name)"])
    let login: Session<Credential>.Login
    do throws(ProviderFailure) {
      login = try await session.replacing(refused)
    } catch {
      throw error.told(by: name)
    }
    try takeUp(sharedBy: session.connection)
    return login
  }

  /// Does `work` with `login`, and once more with a new one where the first is no longer good.
  public func using<Credential: Sendable, Output>(
    _ login: Session<Credential>.Login, of session: Session<Credential>, isRefused: Refusal<Credential>,
    _ work: (Session<Credential>.Login) async throws(ProviderFailure) -> Output
  ) async throws(ProviderFailure) -> Output {
    do throws(ProviderFailure) {
      return try await work(login)
    } catch {
      guard await isRefused(error, login) else {
        throw error
      }
    }
    return try await work(try await self.login(to: session, replacing: login))
  }

  /// Reads each of `lookups` by a call of its own, with the login of `session`: as many at once as the connection allows.
  public func fetchEach<Lookup: SecretLookup, Credential: Sendable>(
    _ lookups: [Lookup], with session: Session<Credential>,
    isRefused: @escaping Refusal<Credential> = { failure, _ in
      failure.kind == .denied && failure.status == 401
    },
    _ read: @escaping @Sendable (Lookup, Session<Credential>.Login) async throws(ProviderFailure) -> FetchedSecret
  ) async -> [FetchResult] {
    let login: Session<Credential>.Login
    do throws(ProviderFailure) {
      login = try await self.login(to: session)
    } catch {
      return lookups.map { _ in .failure(error) }
    }
    @Sendable func fetch(_ lookup: Lookup) async -> FetchResult {
      do throws(ProviderFailure) {
        return .success(
          try await self.using(login, of: session, isRefused: isRefused) { login throws(ProviderFailure) in
            try await read(lookup, login)
          })
      } catch {
        return .failure(error)
      }
    }
    if let only = lookups.first, lookups.count == 1 {
      return [await fetch(only)]
    }
    return await inOrder(lookups, atMost: services.limits.inFlight) { await fetch($0) }
  }
}
