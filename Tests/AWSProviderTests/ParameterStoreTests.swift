import AWSProvider
import ProviderFakes
import ProviderKit
import TestSupport
import Testing

private typealias Scene = AWSScene<ParameterStoreProvider>

@Test func aHundredParametersAreTenCalls() throws {
  try Scene.run { (scene: Scene) async throws in
    for number in 0..<100 {
      scene.fake.putParameter("/web/p\(number)", "value \(number)")
    }
    let results = await scene.fetch((0..<100).map { scene.parameter("/web/p\($0)") })
    #expect(results.map(\.text) == (0..<100).map { "value \($0)" })
    #expect(scene.calls("GetParameters") == 10)
    #expect(scene.fake.recorder.requests.count == 10)
    #expect(scene.fake.server.connectionCount <= 10)
  }
}

@Test func parametersAreGroupedByTheirDecryption() throws {
  try Scene.run { (scene: Scene) async throws in
    for name in ["a", "b", "c", "d"] {
      scene.fake.putParameter(name, "plain \(name)")
    }
    let results = await scene.fetch([
      scene.parameter("a"), scene.parameter("b", decrypted: false), scene.parameter("c", decrypted: true),
      scene.parameter("d", decrypted: false),
    ])
    #expect(results[0].text == "plain a")
    #expect(results[1].text?.hasPrefix("AQICAHh") == true)
    #expect(results[2].text == "plain c")
    #expect(results[3].text?.hasPrefix("AQICAHh") == true)
    #expect(
      Set(scene.fake.recorder.requests.map(\.body)) == [
        #"{"Names":["a","c"],"WithDecryption":true}"#, #"{"Names":["b","d"],"WithDecryption":false}"#,
      ])
  }
}

@Test func everyTypeOfParameterGivesItsText() throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.putParameter("s", " text ", type: "String")
    scene.fake.putParameter("l", "a,b,c", type: "StringList")
    scene.fake.putParameter("e", "ünï ☃ \"\\\n", type: "SecureString")
    let results = await scene.fetch(["s", "l", "e"].map { scene.parameter($0) })
    #expect(results.map(\.text) == [" text ", "a,b,c", "ünï ☃ \"\\\n"])
  }
}

@Test func versionsAndLabelsAreChosenBehindTheName() throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.putParameter("/web/p", "one", labels: ["good"])
    scene.fake.putParameter("/web/p", "two")
    let arn = scene.fake.parameterARN("/web/p")
    #expect(arn == "arn:aws:ssm:us-east-1:123456789012:parameter/web/p")
    let names = ["/web/p", "/web/p:1", "/web/p:good", arn, "\(arn):1", "\(arn):good", "/web/p:2"]
    let together = await scene.fetch(names.map { scene.parameter($0) })
    #expect(together.map(\.text) == ["two", "one", "one", "two", "one", "one", "two"])
    for (name, value) in zip(names, together) {
      #expect(try await scene.read(scene.parameter(name)) == value.text)
    }
    let versions = together.map { try? $0.get().version }
    #expect(versions == ["2", "1", "1", "2", "1", "1", "2"])
  }
}

@Test func aVersionIsFoundInABatchByWhatWasChosen() throws {
  try Scene.run { (scene: Scene) async throws in
    for name in ["a", "b", "c"] {
      scene.fake.putParameter(name, "\(name) one", labels: ["good"])
      scene.fake.putParameter(name, "\(name) two")
    }
    let names = ["a:1", "b:good", scene.fake.parameterARN("c") + ":1"]
    #expect(await scene.fetch(names.map { scene.parameter($0) }).map(\.text) == ["a one", "b one", "c one"])
    #expect(scene.fake.recorder.requests.count == 1)
  }
}

@Test func invalidParametersAreMissing() throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.putParameter("a", "1")
    let names = ["a", "nowhere", "a2:7"]
    scene.fake.putParameter("a2", "1")
    let results = await scene.fetch(names.map { scene.parameter($0) })
    #expect(scene.fake.recorder.requests.count == 1)
    #expect(results[0].text == "1")
    for (place, words) in [(1, "nowhere: no such parameter"), (2, "a2:7: no such version or label")] {
      let failure = try scene.failure(results[place])
      #expect(failure.kind == .missing)
      #expect(failure.line.contains(words), "\(failure.line)")
      #expect(failure.line.contains("us-east-1"))
    }
  }
}

@Test func aDeniedBatchOfParametersGivesWayToSingleCalls() throws {
  try Scene.run { (scene: Scene) async throws in
    for number in 0..<15 {
      scene.fake.putParameter("p\(number)", "value \(number)")
    }
    scene.fake.deny("ssm:GetParameters")
    let references = (0..<15).map { scene.parameter("p\($0)") }
    for _ in 0..<2 {
      #expect(await scene.fetch(references).map(\.text) == (0..<15).map { "value \($0)" })
    }
    #expect(scene.calls("GetParameters") == 2)
    #expect(scene.calls("GetParameter") == 30)
  }
}

@Test func aForbiddenParameterDoesNotEndBatches() throws {
  try Scene.run { (scene: Scene) async throws in
    for name in ["a", "b", "closed"] {
      scene.fake.putParameter(name, name)
    }
    scene.fake.deny("ssm:GetParameter*", on: "closed")
    let references = ["a", "closed", "b"].map { scene.parameter($0) }
    for round in 1...2 {
      let results = await scene.fetch(references)
      #expect(results.map(\.text) == ["a", nil, "b"])
      let failure = try scene.failure(results[1])
      #expect(failure.kind == .denied)
      #expect(failure.line.contains("parameter/closed"), "\(failure.line)")
      #expect(failure.line.contains("allow ssm:GetParameter;"), "\(failure.line)")
      #expect(scene.calls("GetParameters") == round)
    }
  }
}

@Test func aKeyThatMayNotBeUsedIsSaid() throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.putParameter("a", "1")
    scene.fake.putParameter("sealed", "hidden-value")
    scene.fake.breakKey(of: "sealed")
    let results = await scene.fetch([scene.parameter("a"), scene.parameter("sealed")])
    #expect(results[0].text == "1")
    let failure = try scene.failure(results[1])
    #expect(failure.kind == .denied)
    #expect(failure.line.contains("allow kms:Decrypt"), "\(failure.line)")
    #expect(!failure.line.contains("hidden-value"))
  }
}

@Test(arguments: [
  #"{"Parameters": {}, "InvalidParameters": {}}"#, #"{"Parameters": [1, null, {}, {"Name": []}]}"#, "{}",
  #"{"Parameters": [{"Name": "a", "Selector": ":1", "Value": "old"}], "InvalidParameters": [7]}"#,
])
func anAnswerThatIsNotForTheParameterIsNotTakenForIt(_ body: String) throws {
  try Scene.run { (scene: Scene) async throws in
    for name in ["a", "b"] {
      scene.fake.putParameter(name, name)
    }
    scene.fake.faults.add(.reply(status: 200, body: body), on: "GetParameters")
    #expect(await scene.fetch(["a", "b"].map { scene.parameter($0) }).map(\.text) == ["a", "b"])
  }
}

@Test func aParameterWithoutAValueIsMalformed() throws {
  try Scene.run { (scene: Scene) async throws in
    for body in ["{}", #"{"Parameter": {"Name": "a", "Value": null}}"#, #"{"Parameter": []}"#] {
      scene.fake.faults.add(.reply(status: 200, body: body), on: "GetParameter", times: 1)
      #expect(try await scene.failure(scene.parameter("a")).kind == .malformed)
    }
  }
}
