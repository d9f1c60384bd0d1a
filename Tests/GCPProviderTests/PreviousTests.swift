import ExecutionModel
import ProviderFakes
import ProviderKit
import TestSupport
import Testing

@testable import GCPProvider

extension FetchedSecret {
  fileprivate var before: String? {
    switch previous {
    case .value(let bytes, let version)?: "\(version ?? "?"): \(bytes.unsafeString() ?? "")"
    case .absent(let reason)?: "absent: \(reason)"
    case nil: nil
    }
  }
}

extension GCPConnection {
  fileprivate func pair(_ name: String, version: String? = nil) async throws -> FetchedSecret {
    var texts = ["secret": name]
    texts["version"] = version
    return try #require(
      await provider.fetch(references: [connection.reference(texts, withPrevious: true)]).first
    ).get()
  }
}

private func lists(_ scene: GCPScene) -> Int {
  scene.fake.recorder.requests.count { $0.path.hasSuffix("/versions") }
}

@Test func theVersionBeforeIsReadByItsNumberAndNothingIsListed() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    for number in 1...3 {
      scene.fake.put("key", "v\(number)")
    }
    scene.fake.setAlias("stable", of: "key", to: 2)
    scene.fake.takeListing(of: GCPScene.account)
    let connection = try scene.connect()
    #expect(try await connection.pair("key").before == "2: v2")
    #expect(try await connection.pair("key", version: "stable").before == "1: v1")
    #expect(try await connection.pair("key", version: "3").before == "2: v2")
    #expect(try await connection.pair("key", version: "1").before == "absent: version 1 is the first")
    #expect(lists(scene) == 0)
  }
}

@Test func disabledAndDestroyedVersionsArePassedOver() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    for number in 1...6 {
      scene.fake.put("key", "v\(number)")
    }
    scene.fake.setState("key", version: 5, .disabled)
    scene.fake.setState("key", version: 4, .destroyed)
    scene.fake.setPageSize(2)
    #expect(try await scene.connect().pair("key").before == "3: v3")
    // Newest first: 6 and 5, then 4 and 3.
    #expect(lists(scene) == 2)
    for version in 1...3 {
      scene.fake.setState("key", version: version, .destroyed)
    }
    #expect(try await scene.connect().pair("key").before?.hasPrefix("absent: version 5 is disabled") == true)
  }
}

@Test func whoMayNotListIsToldWhatToGrant() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    for number in 1...3 {
      scene.fake.put("key", "v\(number)")
    }
    scene.fake.setState("key", version: 2, .destroyed)
    scene.fake.takeListing(of: GCPScene.account)
    let connection = try scene.connect()
    do {
      _ = try await connection.pair("key")
      Issue.record("it was read")
    } catch let failure as ProviderFailure {
      #expect(failure.kind == .denied)
      #expect(failure.hint?.contains("roles/secretmanager.viewer") == true)
    }
  }
}

@Test func regionalSecretsAreListedWhereTheyLive() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    for number in 1...3 {
      scene.fake.put("key", "v\(number)", location: "europe-west3")
    }
    scene.fake.setState("key", version: 2, .disabled, location: "europe-west3")
    let connection = try scene.connect(more: #", "location": "europe-west3""#)
    #expect(try await connection.pair("key").before == "1: v1")
  }
}
