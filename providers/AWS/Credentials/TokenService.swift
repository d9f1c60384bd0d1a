import AWSSigning
import ExecutionModel
import HTTPTransport
import ProviderKit
import SecretBytes
import Text

/// AWS's Security Token Service, by its query protocol.
struct TokenService: Sendable {
  struct Role: Sendable {
    let arn: String
    /// `nil`: ``standardSessionName``.
    var sessionName: String?
    var externalID: String?
    /// From 900 to 43,200; `nil`: STS's own default of an hour.
    var seconds: Int64?

    var shown: String { ShownText.clean(arn, atMost: 200) }
  }

  /// What a role is given for.
  enum Proof: Sendable {
    /// Other credentials, by a signature.
    case keys(AWSCredentials)
    /// Another issuer's token, which is all that is asked for: nothing is signed.
    case token(SecretBytes)
  }

  private static let standardSessionName = "secrets-agent"

  let service: AWSService

  private var connection: OpenConnection { service.context.connection }

  func credentials(of role: Role, by proof: Proof) async throws(ProviderFailure) -> AWSCredentials {
    let request = Request(role, by: proof)
    do throws(ProviderFailure) {
      return try read(try await service.send(call(request)), request)
    } catch {
      // Whoever waits for a login asked for something else.
      throw error.status == nil && error.isRetriable ? error.named(request.action) : error
    }
  }

  /// The same with a connection's own identity, as what was asked for; a refusal tells which that is.
  func credentials(
    of role: Role, as session: Session<ResolvedCredentials>
  ) async throws(ProviderFailure) -> AWSCredentials {
    func request(_ identity: ResolvedCredentials) -> Request {
      var request = Request(role, by: .keys(identity.credentials))
      request.reference = role.shown
      request.who = "asked as \(identity.shown), in \(service.context.settings.region)"
      return request
    }
    let (reply, identity) = try await service.send(as: session) { call(request($0)) }
    return try read(reply, request(identity))
  }

  private struct Request: Sendable {
    let action: String
    let form: SecretBytes
    let keys: AWSCredentials?
    /// What was asked for, where that is the role's credentials themselves.
    var reference: String?
    /// Whose identity asks, for hints.
    var who: String?

    init(_ role: Role, by proof: Proof) {
      var form = FormBody()
      switch proof {
      case .keys: form.append("Action", "AssumeRole")
      case .token: form.append("Action", "AssumeRoleWithWebIdentity")
      }
      form.append("Version", "2011-06-15")
      form.append("RoleArn", role.arn)
      form.append("RoleSessionName", role.sessionName ?? standardSessionName)
      if let externalID = role.externalID {
        form.append("ExternalId", externalID)
      }
      if let seconds = role.seconds {
        form.append("DurationSeconds", String(seconds))
      }
      switch proof {
      case .keys(let keys):
        (action, self.keys) = ("AssumeRole \(role.shown)", keys)
      case .token(let token):
        form.append("WebIdentityToken", token)
        (action, self.keys) = ("AssumeRoleWithWebIdentity \(role.shown)", nil)
      }
      self.form = form.finish()
    }
  }

  private func call(_ request: Request) -> AWSService.Call {
    AWSService.Call(
      headers: [HTTPHeader("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")], body: request.form,
      maximumBytes: XMLLeaves.maximumBytes, reference: request.reference, keys: request.keys
    ) { error, response in
      failure(error, response, request)
    }
  }

  private func read(_ reply: AWSService.Reply, _ request: Request) throws(ProviderFailure) -> AWSCredentials {
    switch reply {
    case .refused(_, let failure): throw failure
    case .accepted(let response):
      do throws(AnswerFault) {
        return try AWSCredentials(xml: response.body)
      } catch {
        throw connection.failure(
          .malformed, "\(request.action): the answer \(error.message)", response, about: request.reference,
          hint: "check that the endpoint is STS")
      }
    }
  }

  // MARK: - Refusals (https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html)

  private static let hints = [
    "AccessDenied": "check that the role's trust policy lets this identity take it",
    "ExpiredToken": "renew the token or the credentials that were used",
    "InvalidIdentityToken": "check the identity provider in IAM, and the token's audience and issuer",
    "IDPRejectedClaim": "check the identity provider in IAM, and the token's audience and issuer",
    "InvalidClientTokenId": "check the access key and its secret",
    "UnrecognizedClient": "check the access key and its secret",
    "SignatureDoesNotMatch": "check the access key and its secret",
    "RegionDisabled": "activate STS in that region, or use another",
  ]

  private func failure(_ error: AWSError, _ response: HTTPResponse, _ request: Request) -> ProviderFailure {
    let words = error.name.map { name in
      [ShownText.clean(name), connection.words(error.message)].compactMap { $0 }.joined(
        separator: ": ")
    }
    func make(_ kind: ProviderFailure.Class, _ hints: String?...) -> ProviderFailure {
      let hint = hints.compactMap { $0 }.joined(separator: "; ")
      return connection.failure(
        kind, "\(request.action): \(words ?? "the request was refused")", response, about: request.reference,
        from: error.source, hint: hint.isEmpty ? nil : hint)
    }
    if let hint = error.code.flatMap({ Self.hints[$0] }) {
      return make(.denied, hint, request.who)
    }
    switch error.kind {
    case .throttled: return make(.throttled)
    case .transient: return make(.transient)
    case _ where error.code == nil:
      return connection.stranger(response, about: request.reference).named(request.action)
    case _ where error.mayBeOfTime: return make(.denied, "set the node's clock", request.who)
    case _ where [400, 401, 403].contains(response.status):
      return make(.denied, "check the role and its conditions", request.who)
    default: return make(.malformed, "check that the endpoint is STS")
    }
  }
}
