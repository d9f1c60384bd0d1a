import ProviderFakes
import ProviderKit
import TestSupport
import Testing
import VaultProvider

extension FetchedSecret {
  /// Value and version of what was before, or why there is none.
  fileprivate var before: String? {
    switch previous {
    case .value(let bytes, let version)?: "\(version ?? "?"): \(bytes.unsafeString() ?? "")"
    case .absent(let reason)?: reason
    case nil: nil
    }
  }
}

extension VaultScene {
  fileprivate func pair(_ path: String, version: Int64? = nil) async throws -> FetchedSecret {
    var texts = ["mount": "secret", "secret_path": path]
    texts["version"] = version.map { "\($0)" }
    let reference = connection.reference(texts, withPrevious: true)
    return try #require(await provider.fetch(references: [reference]).first).get()
  }
}

@Test func theVersionBeforeIsTheOneBeforeTheVersionThatWasRead() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    for number in 1...3 {
      scene.fake.put("secret", "a", #"{"v": \#(number)}"#)
    }
    let latest = try await scene.pair("a")
    #expect(latest.version == "3")
    #expect(latest.before == #"2: {"v": 2}"#)
    // By its number, so that no rotation comes between the two.
    #expect(scene.fake.recorder.requests.last?.query == ["version": "2"])
    #expect(try await scene.pair("a", version: 2).before == #"1: {"v": 1}"#)
    #expect(try await scene.pair("a", version: 1).before == "version 1 is the first")
    let plain = await scene.provider.fetch(references: [scene.reference("secret", "a")])
    #expect(try plain.first?.get().before == nil)
  }
}

@Test func aVersionBeforeThatIsGoneIsAbsentAndSaysWhy() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    for number in 1...3 {
      scene.fake.put("secret", "a", #"{"v": \#(number)}"#)
    }
    scene.fake.delete("secret", "a", version: 2)
    scene.fake.destroy("secret", "a", version: 1)
    let secret = try await scene.pair("a")
    #expect(secret.payload.unsafeString() == #"{"v": 3}"#)
    #expect(secret.before?.hasPrefix("version 2 was deleted at ") == true)
    scene.fake.destroy("secret", "a", version: 2)
    #expect(try await scene.pair("a").before == "version 2 was destroyed")
  }
}

@Test func aVersionBeforeThatCannotBeReadFailsThePair() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.put("secret", "a", "{}")
    scene.fake.put("secret", "a", "{}")
    // The first read is answered, the second is not.
    scene.fake.faults.add(.status(403), on: "GET /v1/secret/data/a", every: 2)
    await #expect(throws: ProviderFailure.self) { try await scene.pair("a") }
  }
}

@Test func aPairAndItsPlainValueAreTwoReferences() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    let texts = ["mount": "secret", "secret_path": "a"]
    let pair = scene.connection.reference(texts, withPrevious: true)
    #expect(pair != scene.connection.reference(texts))
    #expect(pair == scene.connection.reference(texts, withPrevious: true))
  }
}
