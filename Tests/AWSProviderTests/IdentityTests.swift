import AWSProvider
import Foundation
import HTTPTransport
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing
import Text

private typealias Scene = AWSScene<SecretsManagerProvider>

private let role = "arn:aws:iam::123456789012:role/web"

@Test func anInstancesRoleIsUsedAndReplacedWhenItsKeysEnd() throws {
  try Scene.run(auth: #"{"method": "instance_metadata"}"#) {
    ["AWS_EC2_METADATA_SERVICE_ENDPOINT": $0.address]
  } prepare: {
    $0.setInstanceRole("web", seconds: 7200)
    $0.putSecret("a", "1")
  } _: { (scene: Scene) async throws in
    #expect(try await scene.read(scene.secret("a")) == "1")
    #expect(
      scene.fake.recorder.requests.map(\.line) == [
        "PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/",
        "GET /latest/meta-data/iam/security-credentials/web", "POST /",
      ])
    let report = try await scene.provider.logIn()
    #expect(report.identity.hasPrefix("instance metadata role web, key ASIA…"), "\(report.identity)")
    #expect(report.lifetime == .seconds(7200))
    // In the last minute, in which a read waits for the new ones.
    scene.time.advance(by: .seconds(7150))
    #expect(try await scene.read(scene.secret("a")) == "1")
    #expect(scene.fake.recorder.count("PUT /latest/api/token") == 2)
  }
}

@Test func keysThatAWSNoLongerKnowsAreReplacedOnceForAllCalls() throws {
  try Scene.run(auth: #"{"method": "instance_metadata"}"#) {
    ["AWS_EC2_METADATA_SERVICE_ENDPOINT": $0.address]
  } prepare: { fake in
    fake.setInstanceRole("web")
    for number in 0..<200 {
      fake.putSecret("s\(number)", "\(number)")
    }
  } _: { (scene: Scene) async throws in
    let references = (0..<200).map { scene.secret("s\($0)") }
    let expected = (0..<200).map { "\($0)" }
    #expect(await scene.fetch(references).map(\.text) == expected)
    let authorization = scene.fake.recorder.requests.last?.headers["authorization"] ?? ""
    let key = try #require(authorization.split(separator: "=").dropFirst().first?.split(separator: "/").first)
    scene.fake.removeAccessKey(String(key))
    #expect(await scene.fetch(references).map(\.text) == expected)
    #expect(scene.fake.recorder.count("PUT /latest/api/token") == 2)
    #expect(scene.calls("BatchGetSecretValue") == 30)
  }
}

@Test func aContainersEndpointAsksForItsToken() throws {
  for (token, isGood) in [("task-token", true), ("another", false)] {
    try Scene.run(auth: #"{"method": "container"}"#) {
      [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "\($0.address)/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
      ]
    } prepare: {
      $0.setContainerRole(path: "/v1/credentials", token: "task-token")
      $0.putSecret("a", "1")
    } _: { (scene: Scene) async throws in
      if isGood {
        #expect(try await scene.read(scene.secret("a")) == "1")
      } else {
        let failure = try await scene.failure(scene.secret("a"))
        #expect(failure.kind == .denied, "\(failure.line)")
        #expect(!failure.line.contains("another"))
      }
    }
  }
}

@Test(arguments: [true, false])
func aWebIdentityIsTakenByItsSignature(_ isSignedByTheProvider: Bool) throws {
  let (key, other) = (try JWTKey(), try JWTKey(.rs256))
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let file = folder.appendingPathComponent("token")
  let claims = #"{"iss": "https://issuer", "aud": ["sts.amazonaws.com"], "sub": "web", "exp": 1800003600}"#
  try (isSignedByTheProvider ? key : other).token(claims: claims).write(to: file, atomically: true, encoding: .utf8)
  try Scene.run(auth: #"{"role_arn": "\#(role)", "token_file": "\#(file.path)"}"#) {
    ["AWS_ENDPOINT_URL_STS": $0.address]
  } prepare: {
    $0.addWebIdentityRole(
      role, publicKeys: [key.publicPEM], issuer: "https://issuer", audience: "sts.amazonaws.com", subject: "web")
    $0.putSecret("a", "1")
  } _: { (scene: Scene) async throws in
    guard isSignedByTheProvider else {
      let failure = try await scene.failure(scene.secret("a"))
      #expect(failure.kind == .denied)
      #expect(failure.line.contains("InvalidIdentityToken"), "\(failure.line)")
      return
    }
    #expect(try await scene.read(scene.secret("a")) == "1")
    #expect(scene.calls("AssumeRoleWithWebIdentity") == 1)
    #expect(scene.fake.recorder.requests.first?.headers["authorization"] == nil)
  }
}

// MARK: - The fake holds its clients to what the services do

@Test(arguments: [
  ("GET", "/latest/meta-data/iam/security-credentials/", [:], 401),
  ("GET", "/latest/meta-data/iam/security-credentials/", ["X-aws-ec2-metadata-token": "made-up"], 401),
  ("PUT", "/latest/api/token", [:], 400),
  ("PUT", "/latest/api/token", ["X-aws-ec2-metadata-token-ttl-seconds": "21601"], 400),
  ("PUT", "/latest/api/token", ["X-aws-ec2-metadata-token-ttl-seconds": "60", "X-Forwarded-For": "10.0.0.1"], 403),
  ("PUT", "/latest/api/token", ["X-aws-ec2-metadata-token-ttl-seconds": "60"], 200),
  ("GET", "/latest/api/token", ["X-aws-ec2-metadata-token-ttl-seconds": "60"], 405),
  ("POST", "/", ["X-Amz-Target": "AmazonSSM.GetParameter", "Content-Type": "application/x-amz-json-1.1"], 400),
  ("POST", "/", ["X-Amz-Target": "AmazonSSM.GetParameter"], 404),
])
func theFakeRefusesWhatTheServicesRefuse(
  _ method: String, _ path: String, _ headers: [String: String], _ status: Int
) throws {
  try Scene.run { (scene: Scene) async throws in
    scene.fake.setInstanceRole("web")
    let client = scene.services.transport(HTTPClientOptions())
    let response = try await client.send(
      HTTPRequest(
        method: HTTPMethod(rawValue: method), url: HTTPURL(parsing: scene.fake.address + path),
        headers: headers.map { HTTPHeader($0.key, $0.value) }, body: method == "GET" ? nil : SecretBytes("{}")))
    #expect(response.status == status)
  }
}
