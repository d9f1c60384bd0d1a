import AWSSigning
import EventLoop
import ExecutionModel
import ProviderKit
import SecretBytes

/// One connection to AWS STS: one role, whose value is the temporary credentials of one session of it.
public struct STSProvider: SecretProvider {
  public static let descriptor = ProviderDescriptor.awsSTS

  private let chain: AWSCredentialChain
  private let call: STSCall
  private let skew: ClockSkew
  private let region: String
  private let role: Role
  private let services: ProviderServices
  private let failures: FailureMaker

  public init(connection: ProviderConnection, services: ProviderServices) throws(DocumentFault) {
    let region = connection.fields.text("region") ?? ""
    let skew = ClockSkew()
    self.chain = try AWSCredentialChain(connection: connection, services: services, region: region)
    self.call = STSCall(connection: connection, services: services, region: region, isNested: false, skew: skew)
    self.skew = skew
    self.region = region
    self.role = Role(connection.key)
    self.services = services
    self.failures = FailureMaker(connection: connection.name)
  }

  public static func describe(_ reference: Reference) -> String {
    Role(reference.connection).description
  }

  public func checkAddresses() throws(ProviderFailure) {
    try call.checkAddresses()
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport {
    try await chain.report(services)
  }

  public func fetch(_ references: [Reference]) async -> [FetchResult] {
    let result: FetchResult
    do throws(ProviderFailure) {
      result = .success(try await assume())
    } catch {
      result = .failure(error.about(role.description))
    }
    // All entries of a connection read the one session.
    return references.map { _ in result }
  }

  /// Temporary credentials cannot be revoked by who holds them: they end by themselves.
  public func close(_ reason: CloseReason) async {}

  private func assume() async throws(ProviderFailure) -> FetchedSecret {
    let login = try await chain.current()
    do throws(ProviderFailure) {
      return try await session(login.credential)
    } catch {
      // Keys that may have ended meanwhile are exchanged once; the same keys would be refused again.
      guard error.kind == .denied, login.credential.credentials.sessionToken != nil else {
        throw error
      }
      let fresh = try await chain.replacing(login)
      guard fresh.credential.credentials.accessKeyID != login.credential.credentials.accessKeyID else {
        throw error
      }
      return try await session(fresh.credential)
    }
  }

  private func session(_ identity: ResolvedCredentials) async throws(ProviderFailure) -> FetchedSecret {
    let credentials: AWSCredentials
    do throws(ProviderFailure) {
      credentials = try await call.assumeRole(
        roleARN: role.arn, sessionName: role.sessionName, externalID: role.externalID,
        durationSeconds: role.seconds, with: identity)
    } catch {
      throw explained(error, identity)
    }
    let now = services.time.now
    guard
      let end = credentials.expiresAt, let token = credentials.sessionToken,
      case (let left, let overflow) = end.subtractingReportingOverflow(skew.now(services.time.unixTime)), !overflow,
      left > 0
    else {
      throw failures.make(
        .malformed, "the credentials that STS gave have ended already", hint: "check the node's clock")
    }
    // Beyond a day and a half no session lives.
    return FetchedSecret(
      payload: RoleSession.object(credentials, token: token, end: end, region: region),
      expiry: now.advanced(by: .seconds(min(left, 129_600))), fetchedAt: now)
  }

  /// A refusal with the identity that was refused.
  private func explained(_ failure: ProviderFailure, _ identity: ResolvedCredentials) -> ProviderFailure {
    guard failure.kind == .denied else {
      return failure
    }
    let hint = failure.hint.map { "\($0); asked" } ?? "asked"
    return failures.make(
      failure.kind, failure.message, status: failure.status, retryAfter: failure.retryAfter,
      hint: "\(hint) as \(identity.shown), in \(DocumentPath.shown(region))")
  }
}

/// The role of one connection.
private struct Role: Sendable, CustomStringConvertible {
  let arn: String
  let sessionName: String?
  let externalID: String?
  let seconds: Int64?

  init(_ connection: ProviderConnection.Key) {
    arn = connection.fields.text("role_arn") ?? ""
    sessionName = connection.fields.text("session_name")
    externalID = connection.fields.text("external_id")
    seconds = connection.fields.integer("duration_seconds")
  }

  var description: String { DocumentPath.shown(arn, atMost: 200) }
}
