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
private let withConditions: @Sendable (AWSFake) -> Void = { $0.addRole(role, externalID: "shop=co") }

private let asked = #", "role_arn": "\#(role)""#

/// All that an entry of a role's connection can ask for.
private func reference(_ scene: Scene) -> Reference { scene.connection.reference([:]) }

@Test func aRoleGivesOneConsistentSetOfValues() throws {
  try Scene.run(more: asked, prepare: withRole) { (scene: Scene) async throws in
    let secret = try #require(await scene.fetch([reference(scene)]).first).get()
    let values = try #require(try JSONText.object(secret.payload))
    #expect(
      values.keys.sorted() == ["access_key_id", "expiration", "region", "secret_access_key", "session_token"])
    #expect(values["access_key_id"]?.hasPrefix("ASIA") == true)
    #expect(values["secret_access_key"]?.contains("/of+temporary/") == true)
    #expect(values["session_token"]?.contains("+token==") == true)
    #expect(values["region"] == "us-east-1")
    // 1,800,000,000 and an hour.
    #expect(values["expiration"] == "2027-01-15T09:00:00Z")
    #expect(secret.expiry == scene.time.now.advanced(by: .seconds(3600)))
    let body = try #require(scene.fake.recorder.requests.first).body
    #expect(body.contains("RoleSessionName=secrets-agent%40localhost"), "\(body)")
  }
}

@Test func entriesOfOneRoleShareItsSession() throws {
  try Scene.run(more: asked, prepare: withRole) { (scene: Scene) async throws in
    let results = await scene.fetch([reference(scene), reference(scene)])
    #expect(results.count == 2)
    #expect(Set(results.map(\.text)).count == 1)
    #expect(scene.calls("AssumeRole") == 1)
  }
}

@Test func whatTheProviderSaysIsAskedFor() throws {
  try Scene.run(more: asked, prepare: withConditions) { (scene: Scene) async throws in
    let full = try scene.connecting(
      #"\#(asked), "session_name": "web+1@node.example", "external_id": "shop=co", "duration_seconds": 900"#)
    let secret = try #require(await full.fetch([reference(full)]).first).get()
    #expect(secret.expiry == scene.time.now.advanced(by: .seconds(900)))
    let other = try scene.connecting(#"\#(asked), "external_id": "other""#)
    let failure = try await other.failure(reference(other))
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
  try Scene.run(more: asked) { (scene: Scene) async throws in
    let fields = ["role_arn": role].merging(texts) { $1 }.map { #", "\#($0)": "\#($1)""# }.joined()
    let faults = #expect(throws: DocumentFaults.self) { try scene.connecting(fields) }
    #expect(faults?.faults.filter { $0.severity == .error }.map(\.path) == ["secret_providers.p.\(field)"])
    #expect(scene.fake.recorder.requests.isEmpty)
  }
}

@Test func aThrottledRoleIsTriedAgain() throws {
  try Scene.run(more: asked, prepare: withRole) { (scene: Scene) async throws in
    scene.fake.fail("AssumeRole", code: "Throttling", times: 2)
    #expect(try await scene.read(reference(scene)) != nil)
    #expect(scene.calls("AssumeRole") == 3)
  }
}

@Test func aRetryOfARoleIsSignedAfresh() throws {
  try Scene.run(more: asked, prepare: withRole) { (scene: Scene) async throws in
    // No longer than a call sits out.
    scene.fake.faults.add(.retryAfter(status: 503, seconds: 9), times: 1)
    #expect(try await scene.read(reference(scene)) != nil)
    let times = scene.fake.recorder.requests.compactMap { $0.headers["x-amz-date"] }
    #expect(times.count == 2 && Set(times).count == 2)
  }
}

@Test func aClockThatIsOffIsLearntFromSTS() throws {
  try Scene.run(more: asked, prepare: withRole) { (scene: Scene) async throws in
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
  try Scene.run(more: asked, prepare: withRole) { (scene: Scene) async throws in
    scene.fake.faults.add(fault)
    let failure = try await scene.failure(reference(scene))
    #expect([.malformed, .transient].contains(failure.kind), "\(failure.line)")
    #expect(!failure.line.contains("\n"))
  }
}

@Test func credentialsThatHaveEndedAreNotDelivered() throws {
  try Scene.run(more: asked) { (scene: Scene) async throws in
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
