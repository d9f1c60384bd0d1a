import EventLoop
import HTTPTransport
import SecretBytes
import Text

/// What an adapter makes of an answer.
public enum CallVerdict: Sendable {
  case accept
  /// Accepted, for the caller to tell what is missing; counted as that.
  case acceptMissing
  /// Tried again where the failure's class is transient or throttled; thrown otherwise.
  case fail(ProviderFailure)
}

/// What a call that is tried again may have changed already.
public enum CallRepetition: Sendable {
  /// Nothing, or the same thing: a login's only effect is a token that ends by itself.
  case idempotent
  /// It may have used up what works once, as a secret id. It is tried again all the same, since without that it failed for certain; a
  /// refusal then tells of the attempt before.
  case usesUp(String)
}

/// Calls over one connection: the one place where they are tried again.
extension OpenConnection {
  /// A request with the connection's own limits.
  ///
  /// - Parameters:
  ///   - timeout: of one attempt, where it is shorter than the connection's.
  ///   - maximumBytes: of the answer; `nil`: the connection's.
  public func request(
    _ method: HTTPMethod, _ url: HTTPURL, _ headers: [HTTPHeader] = [], body: SecretBytes? = nil,
    timeout: Duration? = nil, maximumBytes: Int? = nil
  ) -> HTTPRequest {
    HTTPRequest(
      method: method, url: url, headers: headers, body: body,
      timeout: min(timeout ?? services.limits.attempt, services.limits.attempt),
      maximumResponseBytes: maximumBytes ?? services.limits.responseBytes)
  }

  /// Sends `request` by the client of its route; see ``send(_:over:about:schedule:repetition:judge:)``.
  ///
  /// - Parameter login: what the call is a step of, before what is told of the way to it: whoever waits for a login asked for
  ///   something else.
  public func send(
    _ request: HTTPRequest, by route: Route? = nil, about reference: String? = nil, login: String? = nil,
    schedule: RetrySchedule = RetrySchedule(), judge: @Sendable (HTTPResponse) -> CallVerdict
  ) async throws(ProviderFailure) -> HTTPResponse {
    let client = try client(for: request.url, route ?? .network(request.url))
    do throws(ProviderFailure) {
      return try await send(request, over: client, about: reference, schedule: schedule, judge: judge)
    } catch {
      // What answered was judged, and told in the service's own name.
      throw login.map { error.status == nil ? error.named($0) : error } ?? error
    }
  }

  /// Sends `request` until `judge` accepts an answer, a failure is final, or attempts or budget run out.
  ///
  /// - Parameters:
  ///   - transport: a client of the connection, or what an adapter wraps around one.
  ///   - reference: what the call is about, for messages.
  ///   - schedule: how often the call is tried, and the pauses between.
  public func send(
    _ request: HTTPRequest, over transport: any HTTPSending, about reference: String? = nil,
    schedule: RetrySchedule = RetrySchedule(), repetition: CallRepetition = .idempotent,
    judge: @Sendable (HTTPResponse) -> CallVerdict
  ) async throws(ProviderFailure) -> HTTPResponse {
    retryBudget.earn()
    for header in request.headers where header.isSecret {
      withhold(header.credential)
    }
    var attempt = 1
    var actedUpon: ProviderFailure?
    var earlier: ProviderFailure?
    while true {
      let failure: ProviderFailure
      let mayPass: Bool
      let mayHaveActed: Bool
      let sentAt = services.time.now
      do throws(TransportFailure) {
        let response = try await transport.send(request)
        let verdict = judge(response)
        guard case .fail(let reason) = verdict else {
          let failure: ProviderFailure.Class? = if case .acceptMissing = verdict { .missing } else { nil }
          metrics.called(took: sentAt.duration(to: services.time.now), failure: failure)
          return response
        }
        failure = reason.kind == .transient ? reason.passing : reason
        mayPass = true
        mayHaveActed = response.status >= 500 && response.status != 503
      } catch {
        let new = providerFailure(error, reference)
        // Where time is up, what made us try again says more.
        failure = error.kind == .cancelled ? earlier ?? new : new
        mayPass = error.kind.mayPassSoon
        mayHaveActed = !error.kind.precedesRequest
      }
      metrics.called(took: sentAt.duration(to: services.time.now), failure: failure.kind)
      guard failure.isRetriable else {
        throw repetition.explained(failure, after: actedUpon)
      }
      guard mayPass, attempt < schedule.attempts, !Task.isCancelled, retryBudget.spend() else {
        throw failure
      }
      actedUpon = mayHaveActed ? failure : actedUpon
      earlier = failure
      try await pause(beforeRetry: attempt, schedule, after: failure)
      attempt += 1
    }
  }

  private func pause(
    beforeRetry retry: Int, _ schedule: RetrySchedule, after failure: ProviderFailure
  ) async throws(ProviderFailure) {
    let jittered = schedule.pause(beforeRetry: retry, random: services.random())
    // A long wait is not a call's to sit out: others are behind it, and who asked decides when to ask again. Nor is one that nobody
    // waits for to its end.
    if let asked = failure.retryAfter,
      asked > services.limits.attempt || !WorkLimit.leavesRoom(for: asked, at: services.time.now)
    {
      throw failure
    }
    // What the server asks for is a floor; the jitter on top keeps its callers apart.
    let pause = failure.retryAfter.map { $0 + jittered } ?? jittered
    services.log.debug(
      "retry",
      metadata: [
        "class": "\(failure.kind.rawValue)", "retry_in_seconds": .stringConvertible(pause), "reason": "\(failure.line)",
      ])
    do throws(CancellationError) {
      try await services.time.sleep(for: pause)
    } catch {
      // The time limit ended the wait: what made us wait is the better message.
      throw failure
    }
  }

  private func providerFailure(_ failure: TransportFailure, _ reference: String?) -> ProviderFailure {
    let message = failure.description
    switch failure.kind {
    case .nameResolution:
      return failures.make(.transient, message, reference: reference, hint: "check the address and the node's DNS")
    case .connect:
      return failures.make(
        .transient, message, reference: reference, hint: "check the address, and that the server listens"
      ).passing
    case .timedOut, .interrupted:
      return failures.make(.transient, message, reference: reference).passing
    case .proxy:
      return failures.make(.transient, message, reference: reference)
    case .cancelled:
      return failures.make(.transient, "gave up: the time limit was reached", reference: reference)
    case .tls(let reason):
      return failures.make(.transient, message, reference: reference, hint: reason.hint(takesCA: takesCA))
    case .tooLarge, .malformed:
      return failures.make(.malformed, message, reference: reference, hint: "check that the address is the store's API")
    case .addressRefused:
      return failures.make(.policy, message, reference: reference)
    case .badOptions where takesCA:
      return failures.make(
        .malformed, message, reference: reference,
        hint: "check that tls.ca_cert is a certificate, and tls.client_key the key of tls.client_cert")
    case .invalidRequest, .badOptions:
      return failures.make(.malformed, message, reference: reference)
    }
  }
}

extension CallRepetition {
  /// A failure that ends the call, after an attempt that the server may have acted upon.
  fileprivate func explained(_ failure: ProviderFailure, after earlier: ProviderFailure?) -> ProviderFailure {
    guard case .usesUp(let what) = self, let earlier else {
      return failure
    }
    return failure.after(earlier, usingUp: what)
  }
}

extension TransportFailure.Kind {
  /// Whether nothing of the request can have reached the server.
  var precedesRequest: Bool {
    switch self {
    case .nameResolution, .connect, .timedOut(.connecting): true
    default: false
    }
  }

  /// Whether a second attempt can go better: a certificate or a protocol version does not change in seconds.
  var mayPassSoon: Bool {
    if case .tls = self { false } else { true }
  }
}

extension TransportFailure.TLSReason {
  func hint(takesCA: Bool) -> String? {
    switch self {
    case .nameMismatch: "the certificate is for another name; use the name it was made for as the address"
    case .expired: "renew the server's certificate, or set the node's clock"
    case .notYetValid: "set the node's clock"
    case .untrusted where takesCA: "give the CA's certificate as tls.ca_cert"
    case .untrusted: "add the CA to the node's trust store (SSL_CERT_FILE names another)"
    case .clientCertificate where takesCA: "give tls.client_cert and tls.client_key"
    case .clientCertificate: "the server asks for a client certificate, which this type of provider does not have"
    case .protocolVersion: "the server must speak TLS 1.2 or newer"
    case .other: nil
    }
  }
}

extension HTTPHeader {
  /// The value without the scheme of `Authorization` before it.
  fileprivate var credential: SecretBytes {
    for scheme in ["Bearer ", "Basic "] as [StaticString] {
      let count = scheme.utf8CodeUnitCount
      if value.count > count, value.slice(0..<count).equals(scheme) {
        return value.slice(count..<value.count)
      }
    }
    return value
  }
}
