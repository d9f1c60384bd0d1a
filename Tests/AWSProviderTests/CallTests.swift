import AWSProvider
import NodePolicy
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

private typealias Scene = AWSScene<SecretsManagerProvider>

@Test(arguments: [
  (400, "ThrottlingException"), (400, "TooManyRequestsException"), (400, "RequestLimitExceeded"), (503, "SlowDown"),
  (429, ""), (400, "com.amazonaws.secretsmanager#ThrottlingException"), (400, "Throttling:http://internal/"),
])
func throttlingIsNeverTakenForARefusal(_ status: Int, _ code: String) throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.putSecret("a", "1")
    scene.fake.putSecret("b", "2")
    scene.fake.fail("BatchGetSecretValue", status: status, code: code, times: 2)
    let references = [scene.secret("a"), scene.secret("b")]
    #expect(await scene.fetch(references).map(\.text) == ["1", "2"])
    #expect(scene.calls("BatchGetSecretValue") == 3)
    scene.fake.fail("BatchGetSecretValue", status: status, code: code)
    for result in await scene.fetch(references) {
      #expect(try scene.failure(result).kind == .throttled)
    }
    // Neither was it taken for a denied batch.
    #expect(scene.calls("GetSecretValue") == 0)
  }
}

@Test(arguments: [
  ("AccessDeniedException", 400, ProviderFailure.Class.denied, "allow secretsmanager:GetSecretValue; asked"),
  ("ResourceNotFoundException", 400, .missing, "check the name, the version and the region (us-east-1)"),
  ("DecryptionFailure", 400, .denied, "allow kms:Decrypt"),
  ("InvalidRequestException", 400, .malformed, "fault on demand"),
  ("ExpiredTokenException", 400, .denied, "the credentials have ended"),
  ("UnrecognizedClientException", 400, .denied, "not known to AWS"),
  ("InvalidClientTokenId", 403, .denied, "not known to AWS"),
  (
    "InvalidSignatureException", 400, .denied,
    "check the secret access key and the node's clock; asked as keys of the document, key AKIA…MPLE"
  ),
  ("InternalServiceError", 500, .transient, "fault on demand"),
  ("SomethingNew", 400, .malformed, "fault on demand"),
])
func everyErrorHasItsLine(_ code: String, _ status: Int, _ kind: ProviderFailure.Class, _ words: String) throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.fail("GetSecretValue", status: status, code: code)
    let failure = try await scene.failure(scene.secret("web/db"))
    #expect(failure.kind == kind, "\(failure.line)")
    #expect(failure.status == status)
    #expect(failure.line.hasPrefix("provider p: web/db: "))
    #expect(failure.line.contains(words), "\(failure.line)")
    #expect(!failure.line.contains("wJalrXUtnFEMI"))
    #expect(!failure.line.contains("AKIAIOSFODNN7EXAMPLE"))
  }
}

@Test func whatRepeatsACredentialIsNotShown() throws {
  try Scene.run { (scene: Scene) async throws in
    for code in ["AccessDeniedException", "InvalidSignatureException", "ValidationException"] {
      scene.fake.fail(
        "GetSecretValue", code: code, message: "the secret key wJalrXUtnFEMI does not fit\r\n\u{1b}[31m", times: 1)
      let failure = try await scene.failure(scene.secret("a"))
      #expect(!failure.line.contains("wJalrXUtnFEMI"), "\(failure.line)")
      #expect(!failure.line.contains("\n"))
      #expect(!failure.line.contains("\u{1b}"))
    }
  }
}

@Test(arguments: [
  (Fault.status(500), ProviderFailure.Class.transient), (.html(200), .malformed), (.html(502), .transient),
  (.html(403), .malformed), (.html(404), .malformed), (.truncated, .transient), (.reset, .transient),
  (.garbage, .malformed), (.malformedJSON, .malformed), (.huge(20 * 1024 * 1024), .malformed),
  (.redirect("http://127.0.0.2:1/"), .malformed), (.retryAfter(status: 429, seconds: 3), .throttled),
  (.retryAfter(status: 503, seconds: 3), .transient), (.status(418), .malformed),
])
func everyFaultOfTheWireHasItsClass(_ fault: Fault, _ kind: ProviderFailure.Class) throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.putSecret("a", "hidden-value")
    scene.fake.putSecret("b", "hidden-value")
    scene.fake.faults.add(fault)
    for references in [[scene.secret("a")], [scene.secret("a"), scene.secret("b")]] {
      for result in await scene.fetch(references) {
        let failure = try scene.failure(result)
        #expect(failure.kind == kind, "\(failure.line)")
        #expect(!failure.line.contains("hidden"))
        #expect(!failure.line.contains("\n"))
      }
    }
  }
}

@Test func aClockThatIsOffIsLearntOnceAndForAll() throws {
  try Scene.run { (scene: Scene) async throws in
    for number in 0..<60 {
      scene.fake.putSecret("s\(number)", "\(number)")
    }
    scene.fake.advance(seconds: 3000)
    let references = (0..<60).map { scene.secret("s\($0)") }
    #expect(await scene.fetch(references).map(\.text) == (0..<60).map { "\($0)" })
    #expect(scene.calls("BatchGetSecretValue") == 6)
    #expect(await scene.fetch(references).map(\.text) == (0..<60).map { "\($0)" })
    #expect(scene.calls("BatchGetSecretValue") == 9)
  }
}

@Test func aWrongKeyIsNotTakenForAClock() throws {
  try Scene.run(auth: #"{"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "another"}"#) {
    (scene: Scene) async throws in
    scene.fake.putSecret("a", "1")
    let failure = try await scene.failure(scene.secret("a"))
    #expect(failure.kind == .denied)
    #expect(failure.line.contains("signature is not accepted"), "\(failure.line)")
    #expect(scene.fake.recorder.requests.count == 1)
  }
}

@Test func aRetryIsSignedAfresh() throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.putSecret("a", "1")
    // No longer than a call sits out.
    scene.fake.faults.add(.retryAfter(status: 503, seconds: 9), times: 1)
    #expect(try await scene.read(scene.secret("a")) == "1")
    let times = scene.fake.recorder.requests.compactMap { $0.headers["x-amz-date"] }
    #expect(Set(times).count == 2)
  }
}

@Test func temporaryKeysSendTheirSessionToken() throws {
  let keys =
    #"{"access_key_id": "ASIATEMPORARY00000", "secret_access_key": "s", "session_token": "token/with+signs=="}"#
  try Scene.run(auth: keys) { (scene: Scene) async throws in
    scene.fake.addAccessKey("ASIATEMPORARY00000", secret: "s", sessionToken: "token/with+signs==", seconds: 60)
    scene.fake.putSecret("a", "1")
    #expect(try await scene.read(scene.secret("a")) == "1")
    scene.fake.advance(seconds: 61)
    let failure = try await scene.failure(scene.secret("a"))
    #expect(failure.kind == .denied)
    #expect(failure.line.contains("the credentials have ended"), "\(failure.line)")
    #expect(!failure.line.contains("token/with+signs"))
  }
}

@Test func theLoginNamesItsSourceAndNoCredential() throws {
  try Scene.run { (scene: Scene) async throws in
    let report = try await scene.provider.logIn()
    #expect(report.identity == "keys of the document, key AKIA…MPLE")
    #expect(report.lifetime == nil)
    #expect(scene.fake.recorder.requests.isEmpty)
  }
}

@Test func anAddressThatThePolicyForbidsIsNotAsked() throws {
  var policy = NodePolicy.personal
  policy.addresses = [AddressPattern(host: "*.amazonaws.com")]
  try Scene.run(policy: policy) { (scene: Scene) async throws in
    let failure = try await scene.failure(scene.secret("a"))
    #expect(failure.kind == .policy)
    #expect(scene.fake.recorder.requests.isEmpty)
  }
}
