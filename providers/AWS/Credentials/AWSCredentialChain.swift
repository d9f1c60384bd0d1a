import AWSSigning
import EventLoop
import ExecutionModel
import ProviderKit
import SecretBytes
import Synchronization

/// Gives one connection its AWS credentials: by its `auth.method`, or by the order in which the SDKs look for them
/// (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html).
///
/// Temporary credentials are replaced five minutes before they end. Where that fails, the old ones serve for as long as they live,
/// so that an outage of the metadata service shorter than that goes unnoticed.
final class AWSCredentialChain: Sendable {
  typealias Login = LoginSession<ResolvedCredentials>.Login

  private let session: LoginSession<ResolvedCredentials>
  private let held: HeldCredentials

  /// - Parameter region: where STS is asked; the connection's own region.
  /// - Throws: for an `auth` block that cannot work.
  init(connection: ProviderConnection, services: ProviderServices, region: String) throws(DocumentFault) {
    let source = try AWSCredentialSource(connection: connection, services: services, region: region)
    let held = HeldCredentials(connection: connection.name, services: services)
    self.held = held
    self.session = LoginSession(connection: connection.name, services: services) { () async throws(ProviderFailure) in
      do throws(ProviderFailure) {
        return held.grant(of: try await source.resolve())
      } catch {
        return try held.remaining(after: error)
      }
    }
  }

  /// The valid credentials, after fetching them where there are none.
  func current() async throws(ProviderFailure) -> Login {
    try await session.current()
  }

  /// Credentials newer than `login`'s, which AWS no longer takes.
  func replacing(_ login: Login) async throws(ProviderFailure) -> Login {
    held.drop(login.credential)
    return try await session.replacing(login)
  }
}

/// The last good credentials of one connection, and what there is to know of their life.
private final class HeldCredentials: Sendable {
  /// How long before their end temporary credentials are replaced.
  static let lead: Int64 = 300
  /// How long old credentials serve on before the next try to replace them.
  static let pause: Int64 = 60

  private let last = Mutex<ResolvedCredentials?>(nil)
  private let services: ProviderServices
  private let connection: String

  init(connection: String, services: ProviderServices) {
    self.connection = connection
    self.services = services
  }

  func grant(of resolved: ResolvedCredentials) -> LoginSession<ResolvedCredentials>.Grant {
    last.withLock { $0 = resolved }
    guard let remaining = remaining(resolved) else {
      return .init(credential: resolved, until: nil)
    }
    guard remaining > 0 else {
      // The node's clock may run ahead, and in an outage of its own the metadata service gives what it has and AWS takes it:
      // whether they have ended is for AWS to say.
      services.log.warning(
        "credentials seem to have ended already; check the node's clock, and their source",
        metadata: ["provider": "\(connection)", "source": "\(resolved.source)"])
      return .init(credential: resolved, until: moment(after: Self.pause))
    }
    // Credentials that are short of life from the start are used for half of it.
    let span = remaining > 2 * Self.lead ? remaining - Self.lead : max(remaining / 2, 1)
    return .init(credential: resolved, until: moment(after: span))
  }

  /// The old credentials while they live; else the failure to replace them.
  func remaining(after failure: ProviderFailure) throws(ProviderFailure) -> LoginSession<ResolvedCredentials>.Grant {
    guard let old = last.withLock({ $0 }), let remaining = remaining(old), remaining > 0 else {
      throw failure
    }
    services.log.warning(
      "credentials could not be replaced; the old ones serve on",
      metadata: ["provider": "\(connection)", "seconds": "\(remaining)", "reason": "\(failure.line)"])
    return .init(credential: old, until: moment(after: min(remaining, Self.pause)))
  }

  /// AWS refused these: they do not serve on.
  func drop(_ refused: ResolvedCredentials) {
    last.withLock { last in
      if last?.credentials.accessKeyID == refused.credentials.accessKeyID,
        last?.credentials.sessionToken == refused.credentials.sessionToken
      {
        last = nil
      }
    }
  }

  /// Seconds until they end; `nil` where they do not end by time.
  private func remaining(_ resolved: ResolvedCredentials) -> Int64? {
    resolved.credentials.expiresAt.map { end in
      let (seconds, overflow) = end.subtractingReportingOverflow(services.time.unixTime)
      return overflow ? 0 : seconds
    }
  }

  private func moment(after seconds: Int64) -> Moment {
    services.time.now.advanced(by: .seconds(seconds))
  }
}
