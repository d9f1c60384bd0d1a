import EventLoop
import HTTPTransport
import JSONReader
import ProviderFakes
import ProviderKit
import SecretBytes
import Synchronization
import TestSupport
import Testing

@testable import AzureProvider

private func token(_ text: String, unixTime: Int64 = 1000) throws -> AzureAccessToken? {
  let json = try JSONValue.parse(SecretBytes(text), limits: .payload)
  return try? AzureAccessToken(json, at: Moment(nanoseconds: 0), unixTime: unixTime)
}

@Test(arguments: [
  (#"{"access_token": "t", "expires_in": -1}"#, "whose life"),
  (#"{"access_token": "t", "expires_in": 1.5}"#, "whose life"),
  (#"{"access_token": "t", "expires_in": 1e308}"#, "whose life"), (#"{"expires_in": 3600}"#, "has no token"),
  (#"{"access_token": "t", "expires_in": 3600, "token_type": "mac"}"#, "no bearer token"),
  (#"{"access_token": "\#(String(repeating: "t", count: 70_000))", "expires_in": 3600}"#, "a token of 70000 bytes"),
]) func whatIsWrongWithATokenIsSaid(text: String, flaw: String) throws {
  let json = try JSONValue.parse(SecretBytes(text), limits: .payload)
  let thrown = #expect(throws: AzureAccessToken.Flaw.self) {
    try AzureAccessToken(json, at: Moment(nanoseconds: 0), unixTime: 1000)
  }
  #expect(thrown?.description.contains(flaw) == true)
}

@Test func aTokensLifeIsReadFromNumbersAndStrings() throws {
  #expect(try token(#"{"access_token": "t", "expires_in": 3600}"#)?.lifetime == .seconds(3600))
  #expect(try token(#"{"access_token": "t", "expires_in": "3600", "expires_on": "9"}"#)?.lifetime == .seconds(3600))
  #expect(try token(#"{"access_token": "t", "expires_on": "1500"}"#)?.lifetime == .seconds(500))
  #expect(try token(#"{"access_token": "t", "expires_on": 1500}"#)?.lifetime == .seconds(500))
  #expect(try token(#"{"access_token": "t", "expires_in": 9223372036854775807}"#)?.lifetime == .seconds(315_360_000))
}

@Test func aTokenIsRenewedEarly() throws {
  func renewal(_ more: String) throws -> Duration? { try token(#"{"access_token": "t", \#(more)}"#)?.renewAfter }
  #expect(try renewal(#""expires_in": 86400"#) == .seconds(43_200))
  #expect(try renewal(#""expires_in": 3600"#) == .seconds(2700))
  #expect(try renewal(#""expires_in": 900"#) == .seconds(600))
  #expect(try renewal(#""expires_in": 300"#) == .seconds(150))
  #expect(try renewal(#""expires_in": 86400, "refresh_in": "1000""#) == .seconds(1000))
  #expect(try renewal(#""expires_in": 3600, "refresh_in": 999999"#) == .seconds(2700))
}

@Test(arguments: [
  #"{}"#, #"[]"#, #""x""#, #"{"access_token": "t"}"#, #"{"access_token": "", "expires_in": 1}"#,
  #"{"access_token": 1, "expires_in": 1}"#, #"{"access_token": "t", "expires_in": 0}"#,
  #"{"access_token": "t", "expires_in": -1}"#, #"{"access_token": "t", "expires_in": "1e3"}"#,
  #"{"access_token": "t", "expires_on": 999}"#, #"{"access_token": "t", "expires_on": -9223372036854775808}"#,
  #"{"access_token": "a\r\nb", "expires_in": 1}"#, #"{"access_token": "é", "expires_in": 1}"#,
  #"{"access_token": "t", "expires_in": 1, "token_type": "pop"}"#,
  #"{"access_token": "t", "expires_in": 99999999999999999999}"#,
])
func whatIsNoTokenIsNone(_ text: String) throws {
  #expect(try token(text) == nil)
}

/// A source of tokens under the test's hand.
private final class Source: Sendable {
  struct State {
    var calls = 0
    var isFailing = false
  }

  let state = Mutex(State())
  let time: ManualTime

  init(_ time: ManualTime) {
    self.time = time
  }

  var calls: Int { state.withLock { $0.calls } }

  func session(counting metrics: ConnectionMetrics = ConnectionMetrics()) -> Session<AzureAccessToken> {
    let services = ProviderServices.testing(transport: { _ in ScriptedTransport { _, _ in fatalError() } }, time: time)
    return Session(over: OpenConnection(named: "p", services: services, metrics: metrics)) {
      () async throws(ProviderFailure) in
      let (number, isFailing) = self.state.withLock { state in
        state.calls += 1
        return (state.calls, state.isFailing)
      }
      let body = #"{"access_token": "t\#(number)", "expires_in": 3600}"#
      guard
        !isFailing, let json = try? JSONValue.parse(SecretBytes(body), limits: .payload),
        let token = try? AzureAccessToken(json, at: self.time.now, unixTime: self.time.unixTime)
      else {
        throw ProviderFailure(.transient, connection: "p", "down")
      }
      return token.grant
    }
  }
}

extension Session<AzureAccessToken> {
  fileprivate func value() async throws -> String? {
    try await current().credential.value.unsafeString()
  }
}

@Test func aDueTokenIsRenewedOnTheSide() async throws {
  let source = Source(ManualTime())
  let session = source.session()
  #expect(try await session.value() == "t1")
  // A quarter of an hour before the end, jittered.
  source.time.advance(by: .seconds(2610))
  #expect(try await session.value() == "t1")
  #expect(source.calls == 1)
  source.time.advance(by: .seconds(1))
  #expect(try await session.value() == "t1", "nobody waits for the new one")
  await session.attempt?.value
  #expect(try await session.value() == "t2")
  #expect(source.calls == 2)
}

@Test func renewalsAreCounted() async throws {
  let source = Source(ManualTime())
  let metrics = ConnectionMetrics()
  let session = source.session(counting: metrics)
  _ = try await session.value()
  source.time.advance(by: .seconds(3300))
  _ = try await session.value()
  await session.attempt?.value
  #expect(metrics.counts.logins == 1)
  #expect(metrics.counts.renewals == 1)
  source.state.withLock { $0.isFailing = true }
  source.time.advance(by: .seconds(3300))
  _ = try await session.value()
  await session.attempt?.value
  #expect(metrics.counts.failedRenewals == 1)
}

@Test func theOldTokenIsKeptWhileRenewalFails() async throws {
  let source = Source(ManualTime())
  let session = source.session()
  _ = try await session.value()
  source.state.withLock { $0.isFailing = true }
  source.time.advance(by: .seconds(3400))
  #expect(try await session.value() == "t1")
  await session.attempt?.value
  source.time.advance(by: .seconds(449))
  #expect(try await session.value() == "t1", "past its end: the vault tells whether it is over")
  #expect(source.calls == 2, "not again before the pause is over")
  source.time.advance(by: .seconds(1))
  #expect(try await session.value() == "t1")
  await session.attempt?.value
  #expect(source.calls == 3)
  source.state.withLock { $0.isFailing = false }
  source.time.advance(by: .seconds(450))
  #expect(try await session.value() == "t1")
  await session.attempt?.value
  #expect(try await session.value() == "t4")
}

@Test func manyCallersMakeOneLogin() async throws {
  let source = Source(ManualTime())
  let session = source.session()
  let values = await inOrder(Array(1...50), atMost: 50) { _ in try? await session.value() }
  #expect(values == Array(repeating: "t1", count: 50))
  #expect(source.calls == 1)
}

// MARK: - Over the wire

@Test func connectionsOfOneIdentityShareItsToken() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let here = try scene.connect()
    let there = try scene.connect(vault: "http://localhost:\(scene.fake.server.port)")
    #expect(try await here.fetch("db").get().payload.unsafeString() == "p@ss")
    #expect(try await there.fetch("db").get().payload.unsafeString() == "p@ss")
    #expect(scene.tokenRequests.count == 1)
    scene.fake.addClient("other", secret: "s3cr3t+/=& %")
    let other = try scene.connect(
      auth: #"{"tenant_id": "\#(AzureFake.tenant)", "client_id": "other", "client_secret_env": "WEB_SECRET"}"#)
    #expect(try await other.fetch("db").get().payload.unsafeString() == "p@ss")
    #expect(scene.tokenRequests.count == 2, "another identity logs in by itself")
  }
}

@Test func aRevokedTokenIsReplacedOnceForAll() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let connection = try scene.connect()
    _ = try await connection.fetch("db").get()
    scene.fake.revokeAllTokens()
    let results = await connection.provider.fetch(references: Array(repeating: connection.reference("db"), count: 20))
    #expect(try results.map { try $0.get().payload.unsafeString() } == Array(repeating: "p@ss", count: 20))
    #expect(scene.tokenRequests.count == 2)
  }
}

/// Where a machine's identity, or a principal's, is had.
private let logins: [(auth: String, asks: String)] = [
  (AzureScene.clientSecret, "POST /*"), (#"{"method": "managed_identity"}"#, "GET /metadata/identity/oauth2/token"),
  // By the chain, which takes silence for absence only where nothing was there before.
  (#"{"method": "default"}"#, "GET /metadata/identity/oauth2/token"),
]

@Test(.timeLimit(.minutes(15)), arguments: logins, [Fault.status(503), .reset, .html(200)])
func readsGoOnWithTheHeldTokenWhileTheLoginServiceIsAway(_ login: (auth: String, asks: String), _ fault: Fault) throws {
  try AzureScene.run(auth: login.auth, environment: ["AZURE_POD_IDENTITY_AUTHORITY_HOST": AzureScene.addressPlace]) {
    (scene: AzureScene) async throws in
    let connection = try scene.connect()
    func pass(_ seconds: Int) {
      scene.time.advance(by: .seconds(seconds))
      scene.fake.setClock(unixTime: scene.time.unixTime)
    }
    func read() async throws -> String? { try await connection.fetch("db").get().payload.unsafeString() }
    #expect(try await read() == "p@ss")
    scene.fake.faults.add(fault, on: login.asks)
    let asked = scene.fake.recorder.count(login.asks)
    pass(2700)
    let end = scene.time.now.advanced(by: .seconds(600))
    while scene.time.now < end {
      #expect(try await read() == "p@ss")
      pass(10)
    }
    #expect(scene.fake.recorder.count(login.asks) > asked)
    // Past its end the vault refuses it: a fresh login, and its failure is told.
    pass(600)
    guard case .failure(let failure) = try await connection.fetch("db") else {
      Issue.record("an ended token was taken")
      return
    }
    #expect(failure.kind == (fault == .html(200) ? .malformed : .transient), "\(failure.line)")
    #expect(failure.status != 401)
    scene.fake.faults.clear()
    pass(120)
    #expect(try await read() == "p@ss")
  }
}

@Test func aRefusedLoginIsNotMaskedByTheHeldToken() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let connection = try scene.connect()
    _ = try await connection.fetch("db").get()
    scene.fake.addClient("web", secret: "another")
    scene.time.advance(by: .seconds(3550))
    guard case .failure(let failure) = try await connection.fetch("db") else {
      Issue.record("the refusal is masked")
      return
    }
    #expect(failure.kind == .denied && failure.line.contains("Entra ID refused the login"), "\(failure.line)")
  }
}

@Test func aVaultOfAnotherTenantIsToldWithoutEnd() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    scene.fake.moveVault(to: "other-tenant")
    let failure = try await scene.failure("db")
    #expect(failure.kind == .denied && failure.status == 401)
    #expect(failure.hint == "the vault belongs to the tenant other-tenant; log in there")
    #expect(scene.tokenRequests.count == 2)
  }
}

@Test func aVaultThatMovedToAnotherAudienceIsFollowed() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let connection = try scene.connect()
    _ = try await connection.fetch("db").get()
    scene.fake.setResource("https://localhost")
    #expect(try await connection.fetch("db").get().payload.unsafeString() == "p@ss")
    #expect(scene.tokenRequests.last?.body.contains("scope=https%3A%2F%2Flocalhost%2F.default") == true)
  }
}

@Test func anEndedTokenIsReplacedBeforeItIsUsed() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let connection = try scene.connect()
    _ = try await connection.fetch("db").get()
    scene.fake.advance(seconds: 3595)
    scene.time.advance(by: .seconds(3595))
    _ = try await connection.fetch("db").get()
    #expect(scene.tokenRequests.count == 2)
    #expect(scene.vaultRequests.count == 3, "no call with the ended one")
  }
}
