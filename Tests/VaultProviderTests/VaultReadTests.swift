import ProviderFakes
import ProviderKit
import TestSupport
import Testing
import VaultProvider

@Test func bothEnginesGiveTheWholeObjectAsSent() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.put("secret", "web/db", #"{"n": 1.0, "big": 12345678901234567890}"#)
    scene.fake.put("kv1", "mail", #"{ "p" : "x" }"#)
    #expect(try await scene.read("secret", "web/db") == #"{"n": 1.0, "big": 12345678901234567890}"#)
    #expect(try await scene.read("kv1", "mail", ["engine_version": 1]) == #"{ "p" : "x" }"#)
  }
}

@Test func aVersionIsPinnedAndTheLatestIsNamed() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.put("secret", "a", #"{"v": 1}"#)
    scene.fake.put("secret", "a", #"{"v": 2}"#)
    #expect(try await scene.read("secret", "a", ["version": 1]) == #"{"v": 1}"#)
    let latest = await scene.provider.fetch(references: [scene.reference("secret", "a")])
    #expect(try latest.first?.get().version == "2")
  }
}

@Test func oneLoginServesAThousandReads() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    for number in 0..<1000 {
      scene.fake.put("secret", "s\(number)", #"{"v": \#(number)}"#)
    }
    let results = await scene.provider.fetch(references: (0..<1000).map { scene.reference("secret", "s\($0)") })
    for (number, result) in results.enumerated() {
      #expect(try result.get().payload.unsafeString() == #"{"v": \#(number)}"#)
    }
    #expect(scene.logins == 1)
    #expect(scene.fake.recorder.requests.count == 1001)
    #expect(scene.fake.server.connectionCount <= 64)
  }
}

@Test func everyCallCarriesItsHeaders() throws {
  try VaultScene.run(more: #", "namespace": "team/web/""#) { fake in
    fake.addNamespace("team/web")
    fake.requireRequestHeader()
    fake.addAppRole(roleID: "r", secretID: "s", grant: VaultScene.endless, namespace: "team/web")
    fake.mount("secret", version: 2, namespace: "team/web")
    fake.put("secret", "a", "{}", namespace: "team/web")
  } _: { (scene: VaultScene) async throws in
    #expect(try await scene.read("secret", "a") == "{}")
    for request in scene.fake.recorder.requests {
      #expect(request.headers["x-vault-request"] == "true")
      #expect(request.headers["x-vault-namespace"] == "team/web")
    }
  }
}

@Test func aPathIsEncodedAndNeverClimbs() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.put("secret", "a b/%2e/ü?x#y", "{}")
    #expect(try await scene.read("secret", "a b/%2e/ü?x#y") == "{}")
  }
}

@Test func what404MeansIsSaid() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.put("secret", "a", "{}")
    scene.fake.put("secret", "a", "{}")
    scene.fake.put("kv1", "a", "{}")
    scene.fake.delete("secret", "a", version: 1)
    scene.fake.destroy("secret", "a", version: 2)
    let cases: [(String, String, [String: Int64], String)] = [
      ("secret", "a", ["version": 1], "version 1 was deleted at 2026-01-02"),
      ("secret", "a", [:], "version 2 was destroyed"),
      ("secret", "a", ["version": 9], "no version 9"),
      ("secret", "nowhere", [:], "engine_version: 1"),
      ("secret", "a", ["engine_version": 1], "set engine_version: 2"),
      ("kv1", "a", [:], "engine_version: 1"),
      ("elsewhere", "a", [:], "no secrets engine is mounted at elsewhere"),
    ]
    for (mount, path, fields, words) in cases {
      let failure = try await scene.failure(mount, path, fields)
      #expect(failure.kind == .missing)
      #expect(failure.status == 404)
      #expect(failure.line.contains(words), "\(failure.line)")
    }
  }
}

@Test func aForbiddenPathIsDeniedWithoutANewLogin() throws {
  try VaultScene.run {
    $0.addAppRole(roleID: "r", secretID: "s", grant: VaultFakeGrant(ttl: 0, allowed: ["secret/data/open"]))
    $0.put("secret", "open", "{}")
    $0.put("secret", "closed", "{}")
  } _: { (scene: VaultScene) async throws in
    let results = await scene.provider.fetch(
      references: (0..<20).map { scene.reference("secret", $0.isMultiple(of: 2) ? "open" : "closed") })
    #expect(results.count { (try? $0.get()) != nil } == 10)
    #expect(scene.logins == 1)
    #expect(scene.fake.recorder.count("GET /v1/auth/token/lookup-self") == 1)
  }
}

@Test func aLostTokenMakesOneNewLogin() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.put("secret", "a", "{}")
    #expect(try await scene.read("secret", "a") == "{}")
    scene.fake.revokeAllTokens()
    let results = await scene.provider.fetch(references: (0..<100).map { _ in scene.reference("secret", "a") })
    #expect(results.allSatisfy { (try? $0.get()) != nil })
    #expect(scene.logins == 2)
  }
}

@Test(arguments: [
  (Fault.status(500), ProviderFailure.Class.transient), (.html(200), .malformed), (.html(502), .transient),
  (.truncated, .transient), (.reset, .transient), (.garbage, .malformed), (.malformedJSON, .malformed),
  (.huge(16 * 1024 * 1024), .malformed), (.redirect("http://127.0.0.2:1/"), .transient), (.status(412), .transient),
  (.status(472), .transient), (.status(473), .transient), (.retryAfter(status: 429, seconds: 3), .throttled),
  (.status(418), .malformed), (.status(403), .denied),
])
func everyFaultOfTheWireHasItsClass(_ fault: Fault, _ kind: ProviderFailure.Class) throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.put("secret", "a", #"{"hidden": "hidden-value"}"#)
    scene.fake.faults.add(fault, on: "GET /v1/secret/*")
    let failure = try await scene.failure("secret", "a")
    #expect(failure.kind == kind, "\(failure.line)")
    #expect(failure.reference == "secret/data/a")
    #expect(!failure.line.contains("hidden"))
    #expect(!failure.line.contains("\n"))
  }
}

@Test func aPassingFaultIsOvercome() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.put("secret", "a", "{}")
    scene.fake.faults.add(.retryAfter(status: 429, seconds: 7), on: "GET /v1/secret/*", times: 1)
    scene.fake.faults.add(.reset, on: "GET /v1/secret/*", times: 1)
    #expect(try await scene.read("secret", "a") == "{}")
    #expect(scene.time.slept.contains { $0 >= .seconds(7) })
  }
}

@Test func aSealedServerIsCalledSealed() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.seal()
    let failure = try await scene.failure("secret", "a")
    #expect(failure.kind == .transient)
    #expect(failure.line.contains("sealed"))
  }
}
