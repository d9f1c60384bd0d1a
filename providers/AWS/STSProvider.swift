import AWSSigning
import EventLoop
import ExecutionModel
import JSONReader
import ProviderKit
import SecretBytes

/// One connection to AWS STS: each reference is a role, each value the temporary credentials of one session of it.
///
/// The value is an object with a member for each of ``outputs``, so that one call makes all the variables of an entry, and none of
/// them can be of another session than the rest.
public struct STSProvider: SecretProvider {
  public static let descriptor = ProviderDescriptor.awsSTS

  /// Behind the entry's key: `AWS_ACCESS_KEY_ID` and so on for the key `AWS`.
  static let outputs = ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION", "EXPIRATION"]

  private let chain: AWSCredentialChain
  private let call: STSCall
  private let skew: ClockSkew
  private let region: String
  private let services: ProviderServices
  private let failures: FailureMaker

  public init(connection: ProviderConnection, services: ProviderServices) throws(DocumentFault) {
    let region = connection.fields.text("region") ?? ""
    let skew = ClockSkew()
    self.chain = try AWSCredentialChain(connection: connection, services: services, region: region)
    self.call = STSCall(connection: connection, services: services, region: region, isNested: false, skew: skew)
    self.skew = skew
    self.region = region
    self.services = services
    self.failures = FailureMaker(connection: connection.name)
  }

  public static func describe(_ reference: Reference) -> String {
    RoleLookup(reference).description
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport {
    try await chain.report(services)
  }

  public func fetch(_ references: [Reference]) async -> [FetchResult] {
    await inOrder(references, atMost: services.limits.inFlight) { reference in
      let lookup = RoleLookup(reference)
      do throws(ProviderFailure) {
        return .success(try await assume(lookup))
      } catch {
        return .failure(error.about(lookup.description))
      }
    }
  }

  /// Temporary credentials cannot be revoked by who holds them: they end by themselves.
  public func close(_ reason: CloseReason) async {}

  private func assume(_ lookup: RoleLookup) async throws(ProviderFailure) -> FetchedSecret {
    try check(lookup)
    let login = try await chain.current()
    do throws(ProviderFailure) {
      return try await session(lookup, login.credential)
    } catch {
      // Keys that may have ended meanwhile are exchanged once; the same keys would be refused again.
      guard error.kind == .denied, login.credential.credentials.sessionToken != nil else {
        throw error
      }
      let fresh = try await chain.replacing(login)
      guard fresh.credential.credentials.accessKeyID != login.credential.credentials.accessKeyID else {
        throw error
      }
      return try await session(lookup, fresh.credential)
    }
  }

  /// What STS would refuse in more words.
  private func check(_ lookup: RoleLookup) throws(ProviderFailure) {
    guard lookup.roleARN.hasPrefix("arn:"), lookup.roleARN.contains(":role/") else {
      throw failures.make(
        .malformed, "role_arn is not the ARN of a role", hint: "write it as arn:aws:iam::123456789012:role/name")
    }
    guard SessionName.isValid(lookup.sessionName) else {
      throw failures.make(
        .malformed, "session_name is not one that STS takes", hint: "use 2 to 64 letters, digits and _+=,.@-")
    }
  }

  private func session(
    _ lookup: RoleLookup, _ identity: ResolvedCredentials
  ) async throws(ProviderFailure) -> FetchedSecret {
    let credentials: AWSCredentials
    do throws(ProviderFailure) {
      credentials = try await call.assumeRole(
        roleARN: lookup.roleARN, sessionName: lookup.sessionName, externalID: lookup.externalID,
        durationSeconds: lookup.seconds, with: identity)
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
      payload: object(credentials, token, end), expiry: now.advanced(by: .seconds(min(left, 129_600))), fetchedAt: now)
  }

  private func object(_ credentials: AWSCredentials, _ token: SecretBytes, _ end: Int64) -> SecretBytes {
    let values = [
      SecretBytes(credentials.accessKeyID), credentials.secretAccessKey, token, SecretBytes(region),
      SecretBytes(AWSExpiration.text(end)),
    ]
    var json = JSONWriter()
    json.beginObject()
    for (name, value) in zip(Self.outputs, values) {
      json.name(name)
      json.string(value)
    }
    json.endObject()
    return json.finish()
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

/// The lookup fields of one reference.
struct RoleLookup: Sendable, CustomStringConvertible {
  let roleARN: String
  let sessionName: String
  let externalID: String?
  let seconds: Int64?

  init(_ reference: Reference) {
    roleARN = reference.lookup.text("role_arn") ?? ""
    sessionName = reference.lookup.text("session_name") ?? SessionName.standard
    externalID = reference.lookup.text("external_id")
    seconds = reference.lookup.integer("duration_seconds")
  }

  var description: String { DocumentPath.shown(roleARN, atMost: 200) }
}

/// What STS lets a session be called: `[\w+=,.@-]{2,64}`.
enum SessionName {
  static let standard = STSCall.standardSessionName

  static func isValid(_ name: String) -> Bool {
    (2...64).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
          || "_+=,.@-".utf8.contains(byte)
      }
  }
}
