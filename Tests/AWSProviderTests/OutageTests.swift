import AWSProvider
import Foundation
import ProviderFakes
import ProviderKit
import TestSupport
import Testing

private typealias Scene = AWSScene<SecretsManagerProvider>

private let role = "arn:aws:iam::123456789012:role/web"

/// Where a connection has its credentials from, and what has to fail for them to be no longer given.
private struct Source: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let auth: String
  /// What is asked for credentials.
  let asks: [String]
  var variables: @Sendable (AWSFake) -> [String: String] = { _ in [:] }
  /// How long what it gives lives.
  let seconds: Int64
  var prepare: @Sendable (AWSFake) -> Void = { _ in }

  static let key = try! JWTKey()
  static let folder = try! ScratchFolder()

  /// Files are written at the first use of them all.
  static let all: [Source] = {
    let claims = #"{"iss": "https://issuer", "aud": ["sts.amazonaws.com"], "sub": "web", "exp": 1800360000}"#
    let token = try! folder.write(key.token(claims: claims), as: "token")
    let config = try! folder.write(
      "[profile web]\nrole_arn = \(role)\nsource_profile = keys\nduration_seconds = 3600\n", as: "config")
    let credentials = try! folder.write(
      "[keys]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI\n", as: "credentials")
    return [
      Source(
        testDescription: "role", auth: #"{"method": "profile"}"#, asks: ["AssumeRole"],
        variables: {
          [
            "AWS_PROFILE": "web", "AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": credentials,
            "AWS_ENDPOINT_URL_STS": $0.address,
          ]
        }, seconds: 3600, prepare: { $0.addRole(role) }),
      Source(
        testDescription: "web identity", auth: #"{"role_arn": "\#(role)", "token_file": "\#(token)"}"#,
        asks: ["AssumeRoleWithWebIdentity"], variables: { ["AWS_ENDPOINT_URL_STS": $0.address] }, seconds: 3600,
        prepare: {
          $0.addWebIdentityRole(
            role, publicKeys: [key.publicPEM], issuer: "https://issuer", audience: "sts.amazonaws.com", subject: "web")
        }),
      Source(
        testDescription: "container", auth: #"{"method": "container"}"#, asks: ["GET /v1/credentials"],
        variables: { ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "\($0.address)/v1/credentials"] }, seconds: 14_400,
        prepare: { $0.setContainerRole(path: "/v1/credentials", token: nil, seconds: 14_400) }),
      Source(
        testDescription: "instance metadata", auth: #"{"method": "instance_metadata"}"#,
        asks: ["PUT /latest/api/token", "GET /latest/meta-data/*"],
        variables: { ["AWS_EC2_METADATA_SERVICE_ENDPOINT": $0.address] }, seconds: 21_600,
        prepare: { $0.setInstanceRole("web", seconds: 21_600) }),
      Source(
        testDescription: "instance metadata by the default chain", auth: #"{"method": "default"}"#,
        asks: ["PUT /latest/api/token", "GET /latest/meta-data/*"],
        variables: { ["AWS_EC2_METADATA_SERVICE_ENDPOINT": $0.address] }, seconds: 21_600,
        prepare: { $0.setInstanceRole("web", seconds: 21_600) }),
    ]
  }()

  func run(_ body: @escaping @Sendable (Scene) async throws -> Void) throws {
    let prepare = prepare
    try Scene.run(auth: auth, environment: variables) {
      $0.putSecret("a", "1")
      prepare($0)
    } _: { (scene: Scene) async throws in
      try await body(scene)
    }
  }

  func fail(_ fake: AWSFake, _ fault: Fault) {
    for pattern in asks {
      fake.faults.add(fault, on: pattern)
    }
  }

  /// How often credentials were asked for.
  func count(_ scene: Scene) -> Int { scene.fake.recorder.count(asks[0]) }
}

/// What gives out credentials is away, while the service that is read goes on.
@Suite(.timeLimit(.minutes(15))) struct OutageTests {
  /// Every half minute, for `span`: and the clock moves on by what retries wait besides.
  private func read(_ scene: Scene, for span: Duration, _ comment: Comment? = nil) async throws {
    let end = scene.time.now.advanced(by: span)
    while scene.time.now < end {
      #expect(await scene.fetch([scene.secret("a")]).map(\.text) == ["1"], comment)
      scene.time.advance(by: .seconds(30))
    }
  }

  @Test(arguments: Source.all, [Fault.status(503), .reset, .html(200), .retryAfter(status: 503, seconds: 5)])
  private func readsGoOnWithHeldCredentialsForTwoHours(_ source: Source, _ fault: Fault) throws {
    try source.run { scene in
      try await read(scene, for: .seconds(source.seconds / 2))
      #expect(source.count(scene) == 1)
      #expect(scene.metrics.counts.staleLogins == 0)
      source.fail(scene.fake, fault)
      // AWS lets the keys that are out live on.
      scene.fake.extendKeys(seconds: 20_000)
      scene.time.advance(by: .seconds(source.seconds / 2 - 600))
      try await read(scene, for: .seconds(7200), "while \(source.testDescription) is away")
      let counts = scene.metrics.counts
      #expect(counts.staleLogins == 1)
      #expect(counts.endedLoginUses > 100, "\(counts.endedLoginUses) uses past the end")
      #expect((10...26).contains(counts.failedRenewals), "\(counts.failedRenewals) attempts in two hours")
      #expect(counts.logins == 1 && counts.failedLogins == 0)
      scene.fake.faults.clear()
      let before = source.count(scene)
      try await read(scene, for: .seconds(1200))
      #expect(source.count(scene) == before + 1)
      #expect(scene.metrics.counts.staleLogins == 0)
      #expect(scene.metrics.counts.renewals == 1)
    }
  }

  @Test(arguments: Source.all)
  private func whatAWSRefusesIsReplacedByOneFreshLogin(_ source: Source) throws {
    try source.run { scene in
      #expect(try await scene.read(scene.secret("a")) == "1")
      source.fail(scene.fake, .status(503))
      scene.time.advance(by: .seconds(source.seconds + 60))
      // They have ended, nothing else is to be had, and AWS says so: one fresh login, whose failure is told.
      let failure = try await scene.failure(scene.secret("a"))
      #expect(failure.kind == .transient, "\(failure.line)")
      #expect(failure.status == 503)
      #expect(scene.metrics.counts.staleLogins == 0)
      let asked = source.count(scene)
      _ = try await scene.failure(scene.secret("a"))
      #expect(source.count(scene) == asked, "not with each read")
      scene.fake.faults.clear()
      scene.time.advance(by: .seconds(2))
      #expect(try await scene.read(scene.secret("a")) == "1", "and the end of the outage is seen at once")
    }
  }

  @Test(arguments: Source.all.prefix(2))
  private func aRefusedLoginIsNotMasked(_ source: Source) throws {
    try source.run { scene in
      #expect(try await scene.read(scene.secret("a")) == "1")
      scene.fake.fail(source.asks[0], status: 403, code: "AccessDenied", message: "not authorized")
      scene.fake.extendKeys(seconds: 20_000)
      scene.time.advance(by: .seconds(source.seconds - 30))
      let failure = try await scene.failure(scene.secret("a"))
      #expect(failure.kind == .denied && failure.status == 403, "\(failure.line)")
      #expect(failure.reference == nil, "it is the login that failed")
      #expect(failure.line.contains("AccessDenied"))
      scene.fake.faults.clear()
      scene.time.advance(by: .seconds(60))
      #expect(try await scene.read(scene.secret("a")) == "1")
    }
  }

  /// The SDKs invalidate credentials that are said to have ended or to be unknown; what an identity may not do is no fault of theirs.
  @Test(arguments: [
    ("ExpiredTokenException", 2), ("ExpiredToken", 2), ("InvalidClientTokenId", 2), ("UnrecognizedClientException", 2),
    ("InvalidToken", 2), ("AccessDeniedException", 1),
  ])
  func whatTheServiceRefusesTheKeysForMakesOneLogin(_ code: String, _ logins: Int) throws {
    try Source.all[3].run { scene in
      #expect(try await scene.read(scene.secret("a")) == "1")
      scene.fake.fail("GetSecretValue", code: code, times: 1)
      let result = try #require(await scene.fetch([scene.secret("a")]).first)
      #expect(result.text == (logins == 2 ? "1" : nil))
      #expect(scene.metrics.counts.logins == logins)
    }
  }

  /// A role's credentials are what is asked for: its connection's own login failed about none of them.
  @Test func aLoginsFailureIsAboutNoRole() throws {
    let metadata = #"{"method": "instance_metadata"}"#
    try AWSScene<STSProvider>.run(auth: metadata, more: #", "role_arn": "\#(role)""#) {
      ["AWS_EC2_METADATA_SERVICE_ENDPOINT": $0.address]
    } prepare: {
      $0.addRole(role)
      $0.setInstanceRole("node")
    } _: { (scene: AWSScene<STSProvider>) async throws in
      scene.fake.faults.add(.status(503), on: "PUT /latest/api/token")
      #expect(try await scene.failure(scene.connection.reference([:])).reference == nil)
      scene.fake.faults.clear()
      scene.time.advance(by: .seconds(60))
      scene.fake.faults.add(.status(503), on: "AssumeRole")
      #expect(try await scene.failure(scene.connection.reference([:])).reference == role)
    }
  }
}
