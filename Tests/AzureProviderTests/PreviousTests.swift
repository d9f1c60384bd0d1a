import ExecutionModel
import ProviderFakes
import ProviderKit
import TestSupport
import Testing

@testable import AzureProvider

extension FetchedSecret {
  fileprivate var before: String? {
    switch previous {
    case .value(let bytes, _)?: bytes.unsafeString()
    case .absent(let reason)?: "absent: \(reason)"
    case nil: nil
    }
  }
}

extension AzureConnection {
  fileprivate func pair(_ name: String, version: String? = nil) async throws -> FetchedSecret {
    var texts = ["secret_name": name]
    texts["version"] = version
    return try #require(
      await provider.fetch(references: [connection.reference(texts, withPrevious: true)]).first
    ).get()
  }
}

@Test func theVersionBeforeIsTheNewestThatWasMadeEarlier() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let versions = (1...7).map { scene.fake.put("key", "v\($0)") }
    scene.fake.setPageSize(3)
    let connection = try scene.connect()
    #expect(try await connection.pair("key").before == "v6")
    #expect(try await connection.pair("key", version: versions[3]).before == "v3")
    #expect(
      try await connection.pair("key", version: versions[0]).before == "absent: no enabled version was made before it")
    scene.fake.setState("key", version: versions[5], AzureSecretState(isEnabled: false))
    scene.fake.setState("key", version: versions[4], AzureSecretState(isEnabled: false))
    #expect(try await connection.pair("key").before == "v4")
    #expect(scene.tokenRequests.count == 1)
  }
}

@Test func twoVersionsOfOneSecondAreAPairAllTheSame() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    scene.fake.put("key", "old", AzureSecretState(created: 1_700_000_000))
    scene.fake.put("key", "new", AzureSecretState(created: 1_700_000_000))
    #expect(try await scene.connect().pair("key").before == "old")
  }
}

@Test func aListThatGoesOnElsewhereIsNotFollowed() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    for number in 1...3 {
      scene.fake.put("key", "v\(number)")
    }
    scene.fake.setPageSize(1)
    for link in ["https://elsewhere.example/secrets/key/versions?api-version=7.4", "nonsense", "/secrets/key/versions"]
    {
      scene.fake.setNextLink(link)
      do {
        _ = try await scene.connect().pair("key")
        Issue.record("\(link) was followed")
      } catch let failure as ProviderFailure {
        #expect(failure.kind == .malformed, "\(link)")
        #expect(failure.message.contains("another address"), "\(link)")
      }
    }
  }
}

@Test func aListWithoutAnEndEnds() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    for number in 1...3 {
      scene.fake.put("key", "v\(number)")
    }
    scene.fake.setPageSize(1)
    scene.fake.setNextLink("\(scene.fake.address)/secrets/key/versions?api-version=7.4")
    do {
      _ = try await scene.connect().pair("key")
      Issue.record("it came to an end")
    } catch let failure as ProviderFailure {
      #expect(failure.message.contains("has no end"))
    }
  }
}

@Test func aTokenThatIsRevokedBeforeTheListIsReplacedOnce() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    scene.fake.put("key", "old")
    scene.fake.put("key", "new")
    let connection = try scene.connect()
    _ = try await connection.fetch("key").get()
    scene.fake.revokeAllTokens()
    #expect(try await connection.pair("key").before == "old")
    #expect(scene.tokenRequests.count == 2)
  }
}
