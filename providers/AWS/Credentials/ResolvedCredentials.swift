import AWSSigning
import EventLoop
import ExecutionModel
import ProviderKit
import SecretBytes
import Text

/// Credentials with a word on where they came from.
struct ResolvedCredentials: Sendable {
  let credentials: AWSCredentials
  /// For reports and hints, as `environment` or `instance metadata role web`; no credential.
  let source: String

  /// `profile web, key AKIA…MPLE`: enough to find the key by, and no more.
  var shown: String {
    let id = credentials.accessKeyID
    let key = id.count > 12 ? "\(id.prefix(4))…\(id.suffix(4))" : "…"
    return "\(source), key \(ShownText.clean(key))"
  }

  func isSameKey(as other: ResolvedCredentials) -> Bool {
    credentials.accessKeyID == other.credentials.accessKeyID
      && credentials.sessionToken == other.credentials.sessionToken
  }
}

extension AWSCredentials {
  /// What no message may repeat.
  var secrets: [SecretBytes] { [secretAccessKey, sessionToken].compactMap { $0 } }

  /// Until they end; `nil` where they do not end by time.
  func secondsLeft(at unixTime: Int64) -> Int64? {
    expiresAt.map { end in
      let (seconds, overflow) = end.subtractingReportingOverflow(unixTime)
      return overflow ? 0 : seconds
    }
  }
}

extension CredentialSearch {
  /// Further back than this no end is told apart.
  private static let longestPast: Int64 = -86_400

  /// The connection's login: temporary credentials are replaced before they end, and where that fails, serve on until AWS refuses
  /// them, since in an outage of its own it lets them live longer.
  func session() -> Session<ResolvedCredentials> {
    Session(over: context.connection) { () async throws(ProviderFailure) in
      grant(of: try await resolve())
    }
  }

  private func grant(of resolved: ResolvedCredentials) -> Session<ResolvedCredentials>.Grant {
    let services = context.connection.services
    func after(_ span: Duration) -> Moment { services.time.now.advanced(by: span) }
    guard let left = resolved.credentials.secondsLeft(at: services.time.unixTime) else {
      return .init(credential: resolved, until: nil)
    }
    guard left > 0 else {
      // The node's clock may run ahead, and in an outage of its own the metadata service gives what it has and AWS takes it:
      // whether they have ended is for AWS to say.
      services.log.warning(
        "credentials seem to have ended already; check the node's clock, and their source",
        metadata: ["provider": "\(context.connection.name)", "source": "\(resolved.source)"])
      return .init(credential: resolved, until: after(.seconds(max(left, Self.longestPast))))
    }
    let life = Duration.seconds(left)
    return .init(credential: resolved, until: after(life), renewAt: after(life - RefreshWindow.lead(of: life)))
  }
}

extension OpenConnection {
  /// Finds credentials, unless they are there already; AWS itself is not asked.
  func report(_ session: Session<ResolvedCredentials>) async throws(ProviderFailure) -> LoginReport {
    let resolved = try await login(to: session).credential
    let left = resolved.credentials.secondsLeft(at: services.time.unixTime)
    return LoginReport(identity: resolved.shown, lifetime: left.flatMap { $0 > 0 ? .seconds($0) : nil })
  }
}
