import AWSProvider
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

private typealias Secrets = AWSScene<SecretsManagerProvider>
private typealias Parameters = AWSScene<ParameterStoreProvider>

extension FetchedSecret {
  fileprivate var before: String? {
    switch previous {
    case .value(let bytes, _)?: bytes.unsafeString()
    case .absent(let reason)?: "absent: \(reason)"
    case nil: nil
    }
  }
}

extension AWSScene {
  fileprivate func pair(_ texts: [String: String]) async throws -> FetchedSecret {
    try #require(await fetch([connection.reference(texts, withPrevious: true)]).first).get()
  }
}

@Test func theVersionBeforeTheCurrentOneIsReadByItsLabel() throws {
  try Secrets.run { (scene: Secrets) async throws in
    scene.fake.putSecret("a", "one")
    let first = try await scene.pair(["secret_id": "a"])
    #expect(first.payload.equals("one"))
    #expect(first.before?.hasPrefix("absent: ") == true)
    scene.fake.putSecret("a", "two")
    scene.fake.putSecret("a", "three")
    let pair = try await scene.pair(["secret_id": "a"])
    #expect(pair.payload.equals("three"))
    #expect(pair.before == "two")
  }
}

@Test func aRotationBetweenTheTwoReadsGivesThePairThatCameOfIt() throws {
  try Secrets.run { (scene: Secrets) async throws in
    scene.fake.putSecret("a", "one")
    let second = scene.fake.putSecret("a", "two")
    scene.fake.putSecret("a", "three")
    // What the service said before the rotation to the third.
    scene.fake.faults.add(
      .reply(status: 200, body: #"{"Name": "a", "SecretString": "two", "VersionId": "\#(second)"}"#),
      on: "GetSecretValue", times: 1)
    let pair = try await scene.pair(["secret_id": "a"])
    #expect(pair.payload.equals("three"))
    #expect(pair.before == "two")
  }
}

@Test func manyPairsAreOneBatchAndTwoCallsEach() throws {
  try Secrets.run { (scene: Secrets) async throws in
    for number in 0..<10 {
      scene.fake.putSecret("s\(number)", "old \(number)")
      scene.fake.putSecret("s\(number)", "new \(number)")
    }
    let results = await scene.fetch(
      (0..<10).map { scene.connection.reference(["secret_id": "s\($0)"], withPrevious: true) })
    #expect(try results.map { try $0.get().payload.unsafeString() } == (0..<10).map { "new \($0)" })
    #expect(try results.map { try $0.get().before } == (0..<10).map { "old \($0)" })
    #expect(scene.calls("BatchGetSecretValue") == 1)
    #expect(scene.calls("GetSecretValue") == 20)
  }
}

@Test func aParametersVersionBeforeIsReadByItsNumber() throws {
  try Parameters.run { (scene: Parameters) async throws in
    for value in ["one", "two", "three"] {
      scene.fake.putParameter("/web/key", value, labels: value == "two" ? ["stable"] : [])
    }
    scene.fake.putParameter("plain", "only")
    #expect(try await scene.pair(["name": "/web/key"]).before == "two")
    #expect(try await scene.pair(["name": "/web/key:2"]).before == "one")
    #expect(try await scene.pair(["name": "/web/key:stable"]).before == "one")
    let arn = "arn:aws:ssm:us-east-1:\(AWSFake.account):parameter/web/key"
    #expect(try await scene.pair(["name": arn]).before == "two")
    #expect(try await scene.pair(["name": "\(arn):2"]).before == "one")
    #expect(try await scene.pair(["name": "plain"]).before == "absent: version 1 is the first")
    #expect(try await scene.pair(["name": "/web/key:1"]).before == "absent: version 1 is the first")
  }
}
