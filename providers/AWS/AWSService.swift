import AWSSigning
import EventLoop
import HTTPTransport
import ProviderKit
import SecretBytes
import Synchronization
import Text

/// A service of AWS as one connection calls it: where it is, who signs, and by which clock.
///
/// Beside what the connection repeats, a call is sent once more where the server's date shows that the node's clock is off, and
/// where its credentials have ended and others are there.
final class AWSService: Sendable {
  /// As hosts and signatures have it.
  enum Name: String, Sendable, CaseIterable {
    case secretsManager = "secretsmanager"
    case parameterStore = "ssm"
    case tokens = "sts"
  }

  struct Call: Sendable {
    let headers: [HTTPHeader]
    let body: SecretBytes
    /// Of the answer.
    let maximumBytes: Int
    /// What the call is about, in messages.
    var reference: String?
    /// `nil`: it is not signed.
    let keys: AWSCredentials?
    /// What an error means to who called.
    let explain: @Sendable (AWSError, HTTPResponse) -> ProviderFailure
  }

  enum Reply: Sendable {
    case accepted(HTTPResponse)
    case refused(AWSError, ProviderFailure)
  }

  let name: Name
  let context: AWSContext
  private let isNested: Bool
  private let skew = ClockSkew()
  private let known = Mutex<AWSEndpoint?>(nil)
  private let said: SaidOnce

  /// - Parameter isNested: whether the service only serves the connection's login; its `endpoint_url` is then another service's.
  init(_ name: Name, _ context: AWSContext, isNested: Bool = false) {
    self.name = name
    self.context = context
    self.isNested = isNested
    said = SaidOnce.shared(by: context.connection.services)
  }

  private var connection: OpenConnection { context.connection }

  /// Seconds since 1970 by AWS's clock, as far as is known.
  var unixTime: Int64 { skew.now(connection.services.time.unixTime) }

  /// Says too where the shared files are read otherwise by the `aws` command, which their author may have tried them with.
  func checkAddress() throws(ProviderFailure) {
    for difference in try SharedConfiguration.load(context).differences where said.isNew(difference) {
      connection.services.log.warning("\(difference)")
    }
    let url = try endpoint().url
    try connection.check(url, .network(url))
  }

  /// Says that the connection sends to the service, before its login is made for that.
  func leads() throws(ProviderFailure) {
    if connection.bindsCredentials {
      try connection.leads(to: try endpoint().url)
    }
  }

  private func endpoint() throws(ProviderFailure) -> AWSEndpoint {
    if !isNested, let known = known.withLock({ $0 }) {
      return known
    }
    let endpoint = try AWSEndpoint(of: name, context, isNested: isNested)
    known.withLock { $0 = endpoint }
    return endpoint
  }

  /// Sends the call that `make` gives for the credentials of `session`.
  ///
  /// - Returns: the reply, and who it was given to.
  func send(
    as session: Session<ResolvedCredentials>, _ make: (ResolvedCredentials) -> Call
  ) async throws(ProviderFailure) -> (Reply, ResolvedCredentials) {
    let login = try await connection.login(to: session)
    let reply = try await send(make(login.credential))
    guard case .refused(let error, _) = reply, error.kind == .credentials else {
      return (reply, login.credential)
    }
    let fresh = try await connection.login(to: session, replacing: login)
    guard !fresh.credential.isSameKey(as: login.credential) else {
      return (reply, login.credential)
    }
    return (try await send(make(fresh.credential)), fresh.credential)
  }

  func send(_ call: Call) async throws(ProviderFailure) -> Reply {
    var mayResign = call.keys != nil
    while true {
      // The offset from the node's clock that this attempt is signed with.
      let offset = skew.now(0)
      let response = try await attempt(call)
      guard response.status != 200 else {
        return .accepted(response)
      }
      let error = AWSError(response)
      guard mayResign, error.mayBeOfTime, learned(from: response, offset) else {
        return .refused(error, call.explain(error, response))
      }
      mayResign = false
    }
  }

  private func attempt(_ call: Call) async throws(ProviderFailure) -> HTTPResponse {
    let endpoint = try endpoint()
    let url = endpoint.url
    let client = try connection.client(for: url, .network(url))
    call.keys?.secrets.forEach(connection.withhold)
    let signing = call.keys.map { keys in
      SigningTransport(
        inner: client, signature: SignatureVersion4(region: endpoint.signingRegion, service: name.rawValue),
        credentials: keys, skew: skew, time: connection.services.time)
    }
    let request = connection.request(.post, url, call.headers, body: call.body, maximumBytes: call.maximumBytes)
    return try await connection.send(request, over: signing ?? client, about: call.reference) { response in
      guard response.status != 200 else {
        return .accept
      }
      let error = AWSError(response)
      return error.kind == .throttled || error.kind == .transient ? .fail(call.explain(error, response)) : .accept
    }
  }

  /// Whether the clock's offset is now another one than `offset`, by this answer or by one that another call got meanwhile.
  private func learned(from response: HTTPResponse, _ offset: Int64) -> Bool {
    if let date = response.headers.first("Date"), skew.learn(date: date, at: connection.services.time.unixTime) {
      connection.services.log.warning(
        "the node's clock is off; AWS's own is used to sign",
        metadata: ["provider": "\(connection.name)", "offset_seconds": .stringConvertible(skew.now(0))])
    }
    return skew.now(0) != offset
  }
}
