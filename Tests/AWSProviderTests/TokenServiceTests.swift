import AWSProvider
import ExecutionModel
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

private typealias Scene = AWSScene<STSProvider>

private let role = "arn:aws:iam::123456789012:role/uploads"
private let withRole: @Sendable (AWSFake) -> Void = { $0.addRole(role) }
private let withConditions: @Sendable (AWSFake) -> Void = { $0.addRole(role, externalID: "shop & co") }

private func reference(_ scene: Scene, _ texts: [String: String] = [:], seconds: Int64? = nil) -> Reference {
  scene.connection.reference(
    ["role_arn": role].merging(texts) { $1 }, integers: seconds.map { ["duration_seconds": $0] } ?? [:])
}

@Test func aRoleGivesOneConsistentSetOfValues() throws {
  try Scene.run(prepare: withRole) { (scene: Scene) async throws in
    let secret = try #require(await scene.fetch([reference(scene)]).first).get()
    let values = try #require(try JSONText.object(secret.payload))
    #expect(
      values.keys.sorted() == ["ACCESS_KEY_ID", "EXPIRATION", "REGION", "SECRET_ACCESS_KEY", "SESSION_TOKEN"])
    #expect(values["ACCESS_KEY_ID"]?.hasPrefix("ASIA") == true)
    #expect(values["SECRET_ACCESS_KEY"]?.contains("/of+temporary/") == true)
    #expect(values["SESSION_TOKEN"]?.contains("+token==") == true)
    #expect(values["REGION"] == "us-east-1")
    // 1,800,000,000 and an hour.
    #expect(values["EXPIRATION"] == "2027-01-15T09:00:00Z")
    #expect(secret.expiry == scene.time.now.advanced(by: .seconds(3600)))
    let body = try #require(scene.fake.recorder.requests.first).body
    #expect(body.contains("RoleSessionName=secrets-agent"))
  }
}

@Test func whatTheEntrySaysIsAskedFor() throws {
  try Scene.run(prepare: withConditions) { (scene: Scene) async throws in
    let full = reference(
      scene, ["session_name": "web+1@node.example", "external_id": "shop & co"], seconds: 900)
    let secret = try #require(await scene.fetch([full]).first).get()
    #expect(secret.expiry == scene.time.now.advanced(by: .seconds(900)))
    let failure = try await scene.failure(reference(scene, ["external_id": "other"]))
    #expect(failure.kind == .denied)
    #expect(failure.reference == role)
    #expect(failure.line.contains("not authorized to perform: sts:AssumeRole"), "\(failure.line)")
    #expect(failure.line.contains("asked as keys of the document, key AKIA…MPLE, in us-east-1"), "\(failure.line)")
    #expect(!failure.line.contains("wJalrXUtnFEMI"))
  }
}

@Test(arguments: [
  (["session_name": "a"], "session_name"), (["session_name": "with space"], "session_name"),
  (["session_name": "ümlaut"], "session_name"), (["session_name": String(repeating: "a", count: 65)], "session_name"),
  (["role_arn": "uploads"], "role_arn"), (["role_arn": "arn:aws:iam::123456789012:user/web"], "role_arn"),
])
func whatSTSWouldRefuseIsNotSent(_ texts: [String: String], _ field: String) throws {
  try Scene.run { (scene: Scene) async throws in
    let failure = try await scene.failure(reference(scene, texts))
    #expect(failure.kind == .malformed)
    #expect(failure.line.contains(field), "\(failure.line)")
    #expect(scene.fake.recorder.requests.isEmpty)
  }
}

@Test func aThrottledRoleIsTriedAgain() throws {
  try Scene.run(prepare: withRole) { (scene: Scene) async throws in
    scene.fake.fail("AssumeRole", code: "Throttling", times: 2)
    #expect(try await scene.read(reference(scene)) != nil)
    #expect(scene.calls("AssumeRole") == 3)
  }
}

@Test func aClockThatIsOffIsLearntFromSTS() throws {
  try Scene.run(prepare: withRole) { (scene: Scene) async throws in
    scene.fake.advance(seconds: -4000)
    let secret = try #require(await scene.fetch([reference(scene)]).first).get()
    #expect(scene.calls("AssumeRole") == 2)
    // An hour by the server's clock, which the node's is not.
    #expect(secret.expiry == scene.time.now.advanced(by: .seconds(3600)))
  }
}

@Test(arguments: [
  Fault.html(200), .malformedJSON, .truncated, .reset, .garbage, .status(500), .huge(20 * 1024 * 1024),
  .reply(
    status: 200,
    body:
      "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId></Credentials></AssumeRoleResult></AssumeRoleResponse>"
  ),
])
func anAnswerThatIsNoneFails(_ fault: Fault) throws {
  try Scene.run(prepare: withRole) { (scene: Scene) async throws in
    scene.fake.faults.add(fault)
    let failure = try await scene.failure(reference(scene))
    #expect([.malformed, .transient].contains(failure.kind), "\(failure.line)")
    #expect(!failure.line.contains("\n"))
  }
}

@Test func credentialsThatHaveEndedAreNotDelivered() throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.faults.add(
      .reply(
        status: 200,
        body:
          "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>hidden</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2001-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
      ))
    let failure = try await scene.failure(reference(scene))
    #expect(failure.kind == .malformed)
    #expect(failure.line.contains("have ended already"), "\(failure.line)")
    #expect(!failure.line.contains("hidden"))
  }
}
