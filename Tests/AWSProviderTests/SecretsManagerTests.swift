import AWSProvider
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

private typealias Scene = AWSScene<SecretsManagerProvider>

@Test func aHundredSecretsAreFiveCalls() throws {
  try Scene.run { (scene: Scene) async throws in
    for number in 0..<100 {
      scene.fake.putSecret("s\(number)", "value \(number)")
    }
    let results = await scene.fetch((0..<100).map { scene.secret("s\($0)") })
    #expect(results.map(\.text) == (0..<100).map { "value \($0)" })
    #expect(scene.calls("BatchGetSecretValue") == 5)
    #expect(scene.fake.recorder.requests.count == 5)
    #expect(scene.fake.server.connectionCount <= 5)
  }
}

@Test func oneSecretIsASingleCall() throws {
  try Scene.run { (scene: Scene) async throws in
    let id = scene.fake.putSecret("a", #"{"n": 1.0}"#)
    let result = try #require(await scene.fetch([scene.secret("a")]).first).get()
    #expect(result.payload.unsafeString() == #"{"n": 1.0}"#)
    #expect(result.version == id)
    #expect(scene.fake.recorder.requests.map(\.body) == [#"{"SecretId":"a"}"#])
  }
}

@Test func binarySecretsGiveTheirBytes() throws {
  try Scene.run { (scene: Scene) async throws in
    let bytes = SecretBytes([0, 255, 10, 13, 0])
    scene.fake.putSecret("a", binary: bytes)
    scene.fake.putSecret("b", binary: bytes)
    for references in [[scene.secret("a")], [scene.secret("a"), scene.secret("b")]] {
      for result in await scene.fetch(references) {
        #expect(try result.get().payload == bytes)
      }
    }
  }
}

@Test func versionsAndStagesAreAskedForSingly() throws {
  try Scene.run { (scene: Scene) async throws in
    let first = scene.fake.putSecret("a", "old")
    scene.fake.putSecret("a", "new")
    let results = await scene.fetch([
      scene.secret("a"), scene.secret("a", version: first), scene.secret("a", stage: "AWSPREVIOUS"),
      scene.secret("a", stage: "AWSCURRENT"), scene.secret("a", version: first, stage: "AWSCURRENT"),
    ])
    #expect(results.map(\.text) == ["new", "old", "old", "new", "old"])
    #expect(scene.calls("GetSecretValue") == 3)
    #expect(scene.calls("BatchGetSecretValue") == 1)
  }
}

@Test func anAnswerIsFoundByNameByARNAndByPartialARN() throws {
  try Scene.run { (scene: Scene) async throws in
    for name in ["a", "b/c", "d"] {
      scene.fake.putSecret(name, name)
    }
    let arn = try #require(scene.fake.secretARN("b/c"))
    let partial = try #require(scene.fake.secretARN("d")).dropLast(7)
    let results = await scene.fetch([scene.secret("a"), scene.secret(arn), scene.secret(String(partial))])
    #expect(results.map(\.text) == ["a", "b/c", "d"])
    #expect(scene.fake.recorder.requests.count == 1)
  }
}

@Test func eachErrorOfABatchIsItsOwnSecrets() throws {
  try Scene.run { (scene: Scene) async throws in
    for name in ["good", "gone", "closed", "sealed"] {
      scene.fake.putSecret(name, "hidden-value")
    }
    scene.fake.markForDeletion("gone")
    scene.fake.deny("secretsmanager:GetSecretValue", on: "closed")
    scene.fake.breakKey(of: "sealed")
    let names = ["good", "gone", "closed", "nowhere", "sealed"]
    let results = await scene.fetch(names.map { scene.secret($0) })
    #expect(scene.fake.recorder.requests.count == 1)
    #expect(results[0].text == "hidden-value")
    let expected: [(ProviderFailure.Class, String)] = [
      (.missing, "gone: the secret is marked for deletion"),
      (.denied, "allow secretsmanager:GetSecretValue; asked as keys of the document, key AKIA…MPLE, in us-east-1"),
      (.missing, "nowhere: Secrets Manager can't find the specified secret."),
      (.denied, "allow kms:Decrypt"),
    ]
    for (place, (kind, words)) in zip(1..., expected) {
      let failure = try scene.failure(results[place])
      #expect(failure.kind == kind, "\(failure.line)")
      #expect(failure.reference == names[place])
      #expect(failure.line.contains(words), "\(failure.line)")
      #expect(!failure.line.contains("hidden-value"))
    }
  }
}

@Test func aDeniedBatchGivesWayToSingleCallsAndIsNotTriedAgain() throws {
  try Scene.run { (scene: Scene) async throws in
    for number in 0..<30 {
      scene.fake.putSecret("s\(number)", "value \(number)")
    }
    scene.fake.deny("secretsmanager:BatchGetSecretValue")
    let references = (0..<30).map { scene.secret("s\($0)") }
    for _ in 0..<2 {
      #expect(await scene.fetch(references).map(\.text) == (0..<30).map { "value \($0)" })
    }
    #expect(scene.calls("BatchGetSecretValue") == 2)
    #expect(scene.calls("GetSecretValue") == 60)
  }
}

@Test func anIdThatTheBatchRefusesDoesNotTakeTheOthersAlong() throws {
  try Scene.run { (scene: Scene) async throws in
    for name in ["a", "b"] {
      scene.fake.putSecret(name, name)
    }
    scene.fake.fail("BatchGetSecretValue", code: "InvalidParameterException", message: "Invalid name.", times: 1)
    let references = ["a", "b", "bad name"].map { scene.secret($0) }
    let results = await scene.fetch(references)
    #expect(results.map(\.text) == ["a", "b", nil])
    #expect(scene.calls("GetSecretValue") == 3)
    _ = await scene.fetch(references)
    #expect(scene.calls("BatchGetSecretValue") == 2)
  }
}

@Test func whatABatchLeavesOutIsAskedForSingly() throws {
  try Scene.run { (scene: Scene) async throws in
    for name in ["a", "b", "c"] {
      scene.fake.putSecret(name, name)
    }
    scene.fake.leaveOutOfBatches(["b"])
    #expect(await scene.fetch(["a", "b", "c"].map { scene.secret($0) }).map(\.text) == ["a", "b", "c"])
    #expect(scene.calls("GetSecretValue") == 1)
  }
}

@Test func anErrorOfABatchThatMayPassIsTriedAgainSingly() throws {
  try Scene.run { (scene: Scene) async throws in
    for name in ["a", "b"] {
      scene.fake.putSecret(name, name)
    }
    let body =
      #"{"SecretValues": [{"Name": "a", "SecretString": "a"}], "Errors": [{"SecretId": "b", "ErrorCode": "InternalServiceError"}]}"#
    scene.fake.faults.add(.reply(status: 200, body: body), on: "BatchGetSecretValue")
    #expect(await scene.fetch(["a", "b"].map { scene.secret($0) }).map(\.text) == ["a", "b"])
    #expect(scene.calls("GetSecretValue") == 1)
  }
}

@Test func aProxysRefusalIsNotAskedForSecretBySecret() throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.faults.add(.html(403))
    for result in await scene.fetch((0..<20).map { scene.secret("s\($0)") }) {
      #expect(try scene.failure(result).kind == .malformed)
    }
    #expect(scene.fake.recorder.requests.count == 1)
  }
}

@Test(arguments: [
  #"{"SecretValues": {}, "Errors": 7}"#, #"{"SecretValues": [1, null, "x", {}, {"Name": 5}], "Errors": [[]]}"#, "{}",
  #"{"SecretValues": [{"Name": "other", "ARN": "arn", "SecretString": "wrong"}], "Errors": null}"#,
])
func anAnswerThatIsNotForTheSecretIsNotTakenForIt(_ body: String) throws {
  try Scene.run { (scene: Scene) async throws in
    for name in ["a", "b"] {
      scene.fake.putSecret(name, name)
    }
    scene.fake.faults.add(.reply(status: 200, body: body), on: "BatchGetSecretValue")
    #expect(await scene.fetch(["a", "b"].map { scene.secret($0) }).map(\.text) == ["a", "b"])
  }
}

@Test(arguments: [
  ("{}", "no SecretString or SecretBinary"), (#"{"SecretString": 5}"#, "no SecretString or SecretBinary"),
  (#"{"SecretBinary": "***"}"#, "base64"), ("[]", "no SecretString"), ("\"x", "not JSON"),
  (#"{"SecretString": "\ud800"}"#, "not JSON"), (String(repeating: "[", count: 100_000), "not JSON"),
])
func aSingleAnswerThatIsNoneIsMalformed(_ body: String, _ words: String) throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.faults.add(.reply(status: 200, body: body), on: "GetSecretValue")
    let failure = try await scene.failure(scene.secret("a"))
    #expect(failure.kind == .malformed)
    #expect(failure.line.contains(words), "\(failure.line)")
  }
}
