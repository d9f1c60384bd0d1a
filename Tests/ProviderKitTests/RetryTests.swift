import EventLoop
import HTTPTransport
import ProviderKit
import SecretBytes
import Synchronization
import TestSupport
import Testing
import Text

private let failures = FailureMaker(connection: "c")
private let refused = TransportFailure(kind: .connect, host: "h:1", detail: "Connection refused")

/// Sends one request through a caller whose transport gives `outcomes` in turn, the last one for ever.
private func call(
  _ outcomes: [Result<Int, TransportFailure>], time: ManualTime = ManualTime(skipsSleeps: true),
  repetition: CallRepetition = .idempotent, retryAfter: Duration? = nil
) async throws -> (result: Result<Int, ProviderFailure>, attempts: Int) {
  let transport = ScriptedTransport { _, number in
    outcomes[min(number, outcomes.count - 1)].map {
      HTTPResponse(status: $0, headers: HTTPFields([]), body: SecretBytes())
    }
  }
  let connection = OpenConnection(named: "c", services: .testing(transport: { _ in transport }, time: time))
  let request = HTTPRequest(method: .get, url: try HTTPURL(parsing: "http://localhost/x"))
  do throws(ProviderFailure) {
    let response = try await connection.send(request, over: transport, repetition: repetition) { response in
      switch response.status {
      case 200: .accept
      case 429: .fail(failures.make(.throttled, "slow down", status: 429, retryAfter: retryAfter))
      case 500...: .fail(failures.make(.transient, "broken", status: response.status))
      default: .fail(failures.make(.denied, "no", status: response.status))
      }
    }
    return (.success(response.status), transport.requests.count)
  } catch {
    return (.failure(error), transport.requests.count)
  }
}

@Test func aPassingFaultIsTriedAgain() async throws {
  let (result, attempts) = try await call([.success(500), .failure(refused), .success(200)])
  #expect(result == .success(200))
  #expect(attempts == 3)
}

@Test(arguments: [400, 403, 404])
func aFinalAnswerIsNotTriedAgain(_ status: Int) async throws {
  #expect(try await call([.success(status)]).attempts == 1)
}

@Test func attemptsEnd() async throws {
  let (result, attempts) = try await call([.success(503)])
  #expect(attempts == 5)
  #expect(throws: ProviderFailure.self) { try result.get() }
}

@Test func retryAfterIsTheFloorOfThePause() async throws {
  let time = ManualTime(skipsSleeps: true)
  _ = try await call([.success(429), .success(200)], time: time, retryAfter: .seconds(7))
  #expect(time.slept.count == 1)
  #expect(try #require(time.slept.first) >= .seconds(7))
}

@Test func aLongRetryAfterIsNotSatOut() async throws {
  let time = ManualTime(skipsSleeps: true)
  let (result, attempts) = try await call([.success(429), .success(200)], time: time, retryAfter: .seconds(3600))
  #expect(attempts == 1)
  #expect(time.slept.isEmpty)
  let failure = #expect(throws: ProviderFailure.self) { try result.get() }
  #expect(failure?.retryAfter == .seconds(3600))
}

private let lost = TransportFailure(kind: .interrupted, host: "h:1", detail: "reset")
private let late = TransportFailure(kind: .timedOut(.waiting), host: "h:1", detail: "")

@Test(
  arguments: [.success(500), .success(503), .failure(lost), .failure(late), .failure(refused)]
    as [Result<Int, TransportFailure>])
func whatMayUseSomethingUpIsTriedAgain(_ outcome: Result<Int, TransportFailure>) async throws {
  let (result, attempts) = try await call([outcome, .success(200)], repetition: .usesUp("a ticket"))
  #expect(result == .success(200))
  #expect(attempts == 2)
}

@Test(
  arguments: [
    ([.failure(lost), .success(403)], true), ([.success(500), .success(403)], true),
    // The server cannot have acted.
    ([.success(403)], false), ([.success(503), .success(403)], false), ([.failure(refused), .success(403)], false),
  ] as [([Result<Int, TransportFailure>], Bool)])
func aRefusalTellsOfTheAttemptThatMayHaveUsedItUp(
  _ outcomes: [Result<Int, TransportFailure>], _ isTold: Bool
) async throws {
  let (result, _) = try await call(outcomes, repetition: .usesUp("a ticket"))
  let failure = #expect(throws: ProviderFailure.self) { try result.get() }
  #expect(failure?.kind == .denied)
  #expect(failure?.message.contains("may have used up a ticket") == isTold, "\(failure?.line ?? "")")
}

@Test(
  arguments: [
    (.success(500), true), (.failure(lost), true), (.failure(late), true), (.failure(refused), true),
    (.success(403), false), (.failure(TransportFailure(kind: .tls(.expired), host: "h:1", detail: "")), false),
    (.failure(TransportFailure(kind: .nameResolution, host: "h:1", detail: "")), false),
    (.failure(TransportFailure(kind: .cancelled, host: "h:1", detail: "")), false),
  ] as [(Result<Int, TransportFailure>, Bool)])
func aFailureSaysWhetherItMayPass(_ outcome: Result<Int, TransportFailure>, _ isPassing: Bool) async throws {
  let result = try await call([outcome]).result
  let failure = #expect(throws: ProviderFailure.self) { try result.get() }
  #expect(failure?.isPassing == isPassing)
}

@Test func whatMadeACallWaitIsToldWhereItsTimeIsUp() async throws {
  let cancelled = TransportFailure(kind: .cancelled, host: "h:1", detail: "")
  let result = try await call([.success(500), .failure(cancelled)]).result
  let failure = #expect(throws: ProviderFailure.self) { try result.get() }
  #expect(failure?.message == "broken")
}

@Test func aWaitBeyondTheWorksEndIsNotSatOut() async throws {
  let time = ManualTime(skipsSleeps: true)
  let attempts = try await WorkLimit.$end.withValue(time.now.advanced(by: .seconds(5))) {
    try await call([.success(429), .success(200)], time: time, retryAfter: .seconds(5)).attempts
  }
  #expect(attempts == 1)
  #expect(time.slept.isEmpty)
}

@Test func retriesStayWithinAFifthOfTheCallsBeyondTheReserve() {
  let budget = RetryBudget()
  var retries = 0
  for _ in 0..<1000 {
    budget.earn()
    if budget.spend() {
      retries += 1
    }
  }
  #expect(retries <= 200 + Int(RetryBudget.reserve))
  #expect(retries >= 200)
}

@Test func thePauseGrowsToItsCeilingAndNeverOverflows() {
  let schedule = RetrySchedule()
  #expect(schedule.pause(beforeRetry: 1, random: 1) == .milliseconds(100))
  #expect(schedule.pause(beforeRetry: 3, random: 1) == .milliseconds(400))
  #expect(schedule.pause(beforeRetry: 1_000_000, random: 1) == .seconds(5))
  #expect(schedule.pause(beforeRetry: 3, random: 0) == .zero)
}

@Test(arguments: [
  ("120", Duration.seconds(120)), ("0", .zero), ("999999999", RetryAfter.longest),
  ("Sun, 06 Nov 1994 08:49:37 GMT", .seconds(37)), ("Sun, 06 Nov 1994 08:48:00 GMT", .zero),
])
func retryAfterIsSecondsOrADate(_ text: String, _ expected: Duration) {
  let response = HTTPResponse(status: 429, headers: HTTPFields([("retry-after", text)]), body: SecretBytes())
  #expect(RetryAfter.wait(response, unixTime: 784_111_740) == expected)
}

@Test(arguments: ["", "-1", "soon", "99999999999999999999", "Sun, 06 Nov 1994", "1.5"])
func anUnreadableRetryAfterIsNone(_ text: String) {
  let response = HTTPResponse(status: 429, headers: HTTPFields([("Retry-After", text)]), body: SecretBytes())
  #expect(RetryAfter.wait(response, unixTime: 0) == nil)
}

@Test func callersOfOneConnectionShareItsRetryBudget() async throws {
  let time = ManualTime(skipsSleeps: true)
  let transport = ScriptedTransport { _, _ in
    .success(HTTPResponse(status: 500, headers: HTTPFields([]), body: SecretBytes()))
  }
  let connection = OpenConnection(named: "c", services: .testing(transport: { _ in transport }, time: time))
  let request = HTTPRequest(method: .get, url: try HTTPURL(parsing: "http://localhost/x"))
  for _ in 0..<100 {
    _ = try? await connection.send(request, over: transport) { _ in .fail(failures.make(.transient, "broken")) }
  }
  // The reserve, and a fifth of a retry for each call.
  #expect(transport.requests.count <= 100 + 10 + 20)
}

@Test(arguments: [(true, "tls.ca_cert"), (false, "trust store")])
func anUnknownCAIsAnsweredByWhatTheTypeTakes(_ takesCA: Bool, _ words: String) async throws {
  let transport = ScriptedTransport { _, _ in
    .failure(TransportFailure(kind: .tls(.untrusted), host: "h:443", detail: "unable to get local issuer certificate"))
  }
  let connection = OpenConnection(
    named: "c", services: .testing(transport: { _ in transport }), takesCA: takesCA)
  let request = HTTPRequest(method: .get, url: try HTTPURL(parsing: "https://h/x"))
  let failure = await #expect(throws: ProviderFailure.self) {
    try await connection.send(request, over: transport) { _ in .accept }
  }
  #expect(failure?.hint?.contains(words) == true)
}
