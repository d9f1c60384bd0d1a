import ExecutionModel
import Foundation
import ProviderFakes
import ProviderKit
import TestSupport
import Testing

@testable import GCPProvider

@Test func aTokenThatIsRefusedIsReplacedOnce() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    let connection = try scene.connect()
    for number in 0..<20 {
      scene.fake.put("s\(number)", "v")
    }
    _ = try await connection.fetch("db").get()
    scene.fake.revokeAllTokens()
    let results = await connection.provider.fetch(references: (0..<20).map { connection.reference("s\($0)") })
    #expect(results.allSatisfy { (try? $0.get()) != nil })
    #expect(scene.logins.count == 2)
  }
}

@Test func aTokenThatIsNeverAcceptedEndsInAFailure() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    let refusal = #"{"error": {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}}"#
    scene.fake.faults.add(.reply(status: 401, body: refusal), on: "GET /v1/*")
    #expect(try await scene.failure("db").status == 401)
    #expect(scene.logins.count == 2)
    #expect(scene.reads.count == 2)
  }
}

@Test func connectionsOfOneIdentityShareItsTokens() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    scene.fake.put("key", "regional", location: "europe-west3")
    let global = try scene.connect()
    let regional = try scene.connect(more: #", "location": "europe-west3""#)
    _ = try await global.fetch("db").get()
    _ = try await regional.fetch("key").get()
    #expect(scene.logins.count == 1)
    _ = try await scene.connect(auth: #"{"method": "metadata"}"#).fetch("db").get()
    #expect(scene.logins.count == 2)
  }
}

@Test func aTokenIsRenewedBeforeItsEnd() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    let connection = try scene.connect()
    _ = try await connection.fetch("db").get()
    // A quarter of an hour before the end, jittered.
    scene.advance(.seconds(2610))
    _ = try await connection.fetch("db").get()
    #expect(scene.logins.count == 1)
    scene.advance(.seconds(2))
    // On the side: the read goes on with the old token.
    _ = try await connection.fetch("db").get()
    await connection.renewed()
    #expect(scene.logins.count == 2)
    scene.advance(.seconds(1800))
    _ = try await connection.fetch("db").get()
    #expect(scene.logins.count == 2)
  }
}

/// By a key, and by the machine's own account.
private let logins: [(auth: String, asks: String)] = [
  (#"{"service_account_key_file": "FOLDER/key.json"}"#, "POST /token"),
  (#"{"method": "metadata"}"#, "GET /computeMetadata/*"),
]

@Test(.timeLimit(.minutes(15)), arguments: logins, [Fault.status(503), .reset, .html(200)])
func readsGoOnWithTheHeldTokenWhileTheLoginServiceIsAway(_ login: (auth: String, asks: String), _ fault: Fault) throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    let connection = try scene.connect(auth: login.auth)
    func read() async throws -> String? { try await connection.fetch("db").get().payload.unsafeString() }
    let value = try await read()
    scene.fake.faults.add(fault, on: login.asks)
    let asked = scene.logins.count
    scene.advance(.seconds(2700))
    let end = scene.time.now.advanced(by: .seconds(600))
    while scene.time.now < end {
      #expect(try await read() == value)
      await connection.renewed()
      scene.advance(.seconds(10))
    }
    // Retries of two renewals, and no more; curl sends what a kept connection lost once more by itself.
    #expect((1...20).contains(scene.logins.count - asked), "\(scene.logins.count - asked)")
    // Past its end it is refused: a fresh login, and its failure is told.
    scene.advance(.seconds(600))
    let failure = try await connection.failure("db")
    #expect(failure.kind == (fault == .html(200) ? .malformed : .transient), "\(failure.line)")
    #expect(failure.status != 401 && failure.reference == nil, "\(failure.line)")
    scene.fake.faults.clear()
    scene.advance(.seconds(120))
    #expect(try await read() == value)
  }
}

@Test func aRefusedLoginIsNotMaskedByTheHeldToken() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    let connection = try scene.connect()
    _ = try await connection.fetch("db").get()
    scene.fake.deleteKeys(of: GCPScene.account)
    scene.advance(.seconds(2700))
    _ = try await connection.fetch("db").get()
    await connection.renewed()
    #expect(scene.logins.count == 2)
    for _ in 0..<3 {
      #expect(try await connection.failure("db").line.contains("the key's signature is not accepted (invalid_grant)"))
    }
    #expect(scene.logins.count == 2, "not with each read")
  }
}

@Test func manySecretsOfAWrongKeyAreOneLogin() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    scene.fake.deleteKeys(of: GCPScene.account)
    let connection = try scene.connect()
    let results = await connection.provider.fetch(references: (0..<50).map { connection.reference("s\($0)") })
    for result in results {
      let failure = #expect(throws: ProviderFailure.self) { try result.get() }
      #expect(failure?.kind == .denied)
    }
    #expect(scene.fake.recorder.requests.count == 1)
  }
}

@Test func loginFailuresAreClassedAndSayNoWordOfTheService() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    for (fault, kind, status) in [
      (Fault.status(500), .transient, 500), (.retryAfter(status: 429, seconds: 1), .throttled, 429),
      (.html(404), .malformed, 404), (.html(200), .malformed, 200),
      (.reply(status: 400, body: #"{"error": "invalid_grant"}"#), .denied, 400),
      (.redirect("http://127.0.0.1:9/"), .malformed, 307), (.malformedJSON, .malformed, 200),
    ] as [(Fault, ProviderFailure.Class, Int)] {
      scene.fake.faults.clear()
      scene.fake.faults.add(fault, on: "POST /token")
      scene.advance(.seconds(120))
      let failure = try await scene.failure("db")
      #expect(failure.kind == kind, "\(failure.line)")
      #expect(failure.status == status)
    }
    #expect(scene.reads.isEmpty)
  }
}

@Test func aClockThatIsOffIsTold() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    scene.fake.advance(seconds: 10_000)
    let failure = try await scene.failure("db")
    #expect(
      failure.line.hasSuffix("the JWT's times are not accepted (invalid_grant) (status 400); set the node's clock"))
  }
}

@Test func onlyAPlainNumberPinsAVersion() throws {
  let connection = try ProviderConnection.testing(
    #"{"provider": "gcp_secret_manager", "project": "shop"}"#, by: GCPSecretManagerProvider.descriptor)
  for (version, isPinned) in [("3", true), ("latest", false), ("stable", false), ("v3", false)] {
    #expect(connection.reference(["secret": "db", "version": version]).isPinned == isPinned)
  }
  #expect(!connection.reference(["secret": "db"]).isPinned)
  // The full name says the same as the field.
  let whole = connection.reference(["secret": "projects/shop/secrets/db/versions/3"])
  #expect(whole.isPinned)
  #expect(whole == connection.reference(["secret": "db", "version": "3"]))
}
