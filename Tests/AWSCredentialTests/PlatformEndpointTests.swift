import HTTPTransport
import NodePolicy
import ProviderKit
import SecretBytes
import Synchronization
import TestSupport
import Testing
import Text

@testable import AWSProvider

/// The services that only a container or an instance can reach.
@Suite struct PlatformEndpointTests {
  private static let keys = #"{"Code": "Success", "AccessKeyId": "AK", "SecretAccessKey": "s", "Token": "t"}"#
  private static let roles = "/latest/meta-data/iam/security-credentials/"
  private static let instance = #", "auth": {"method": "instance_metadata"}"#
  private static let container = #", "auth": {"method": "container"}"#

  private let scene: CredentialScene

  init() throws {
    scene = try CredentialScene()
    scene.environment["AWS_EC2_METADATA_DISABLED"] = nil
    // The daemon's policy: no document may name such addresses, and the methods themselves may.
    scene.policy = .strict
    scene.policy.environment = .matching(["AWS_*"])
  }

  private static func metadata(
    token: (Int, String) = (200, "tok"), list: (Int, String) = (200, "web"), role: (Int, String) = (200, keys)
  ) -> ScriptedTransport {
    .answering([
      "PUT /latest/api/token": token, "GET \(roles)": list, "GET \(roles)web": role,
    ])
  }

  // MARK: - Instance metadata

  @Test func asksVersionTwoOnly() async throws {
    let metadata = Self.metadata()
    let resolved = try await scene.resolve(Self.instance, over: metadata)
    #expect(resolved.source == "instance metadata role web")
    #expect(
      metadata.requests.map(\.url.description) == [
        "http://169.254.169.254/latest/api/token", "http://169.254.169.254\(Self.roles)",
        "http://169.254.169.254\(Self.roles)web",
      ])
    for request in metadata.requests.dropFirst() {
      #expect(request.headers.first { $0.name == "X-aws-ec2-metadata-token" }?.value.equals("tok") == true)
    }
  }

  @Test func neverFallsBackToVersionOne() async throws {
    let metadata = Self.metadata(token: (403, ""))
    let line = try #require(try await scene.failure(Self.instance, over: metadata)).line
    #expect(line.contains("instance metadata gives no token (status 403)"))
    #expect(metadata.requests.count == 1)
  }

  @Test func saysThatAnInstanceWhoseServiceFailsMayComeBack() async throws {
    let failing = try #require(try await scene.failure(over: Self.metadata(token: (503, ""))))
    #expect(failing.kind == .transient)
    let absent = try #require(try await scene.failure(over: ScriptedTransport.silent))
    #expect(absent.kind == .denied)
  }

  @Test func asksStraightAndWithLittlePatience() async throws {
    let made = Mutex<[HTTPClientOptions]>([])
    let metadata = Self.metadata()
    let services = ProviderServices.testing(
      transport: { options in
        made.withLock { $0.append(options) }
        return metadata
      }, policy: scene.policy)
    _ = try await CredentialSearch(scene.context(Self.instance, with: services)).session().current()
    let options = made.withLock { $0 }
    #expect(!options.isEmpty)
    #expect(options.allSatisfy { $0.bypassesProxy && $0.addressRule == .any && $0.connectTimeout <= .seconds(1) })
  }

  @Test(arguments: [
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6", "http://[fd00:ec2::254]/latest/api/token"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv4", "http://169.254.169.254/latest/api/token"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9/x/", "http://127.0.0.1:9/x/latest/api/token"),
  ])
  func asksWhereTheEnvironmentSays(name: String, value: String, url: String) async throws {
    scene.environment[name] = value
    let silent = ScriptedTransport.silent
    _ = try await scene.failure(Self.instance, over: silent)
    #expect(silent.requests.first?.url.description == url)
  }

  @Test(arguments: [
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5", "neither IPv4 nor IPv6"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ftp://x", "is no address"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[fe80::1]", "link-local"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://metadata.evil", "needs https"),
    ("AWS_EC2_METADATA_DISABLED", "TRUE", "turned off"),
  ])
  func saysWhatIsWrongWithTheEnvironment(name: String, value: String, expected: String) async throws {
    scene.environment[name] = value
    let silent = ScriptedTransport.silent
    let line = try #require(try await scene.failure(Self.instance, over: silent)).line
    #expect(line.contains(expected), "\(line)")
    #expect(silent.requests.isEmpty)
  }

  @Test(
    arguments: [
      ((404, ""), (200, keys), "no role"), ((200, ""), (200, keys), "names no role"),
      ((200, "../../x"), (200, keys), "names no role"),
      ((200, String(repeating: "x", count: 65)), (200, keys), "names no role"),
      ((200, "web\nother"), (200, "no json"), "not JSON"), ((200, "web"), (200, "{}"), "gave no AccessKeyId"),
      (
        (200, "web"), (200, #"{"Code": "AssumeRoleUnauthorizedAccess", "Message": "no\nway"}"#),
        "AssumeRoleUnauthorizedAccess"
      ),
      ((200, "web"), (200, #"{"AccessKeyId": "A", "SecretAccessKey": "s", "Expiration": "soon"}"#), "no date"),
      ((200, "web"), (200, #"{"AccessKeyId": 1, "SecretAccessKey": []}"#), "gave no AccessKeyId"),
      ((200, "web"), (404, ""), "gives no credentials"), ((500, ""), (200, keys), "failed"),
    ] as [((Int, String), (Int, String), String)])
  func saysWhatIsWrongWithAnAnswer(list: (Int, String), role: (Int, String), expected: String) async throws {
    let line = try #require(
      try await scene.failure(Self.instance, over: Self.metadata(list: list, role: role))
    ).line
    #expect(line.contains(expected), "\(line)")
    #expect(!line.contains("\n"))
  }

  // MARK: - Containers

  @Test(arguments: [
    (["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x?y=1"], "http://169.254.170.2/v2/x?y=1"),
    (["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/c"], "http://169.254.170.23/v1/c"),
    (["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[fd00:ec2::23]/v1/c"], "http://[fd00:ec2::23]/v1/c"),
    (["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost:8080/c"], "http://localhost:8080/c"),
    (["AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://keys.example/c"], "https://keys.example/c"),
    (
      ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/r", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://keys.example/c"],
      "http://169.254.170.2/r"
    ),
  ])
  func asksTheContainersEndpoint(variables: [String: String], url: String) async throws {
    scene.environment.merge(variables) { $1 }
    let endpoint = ScriptedTransport { _, _ in
      .success(HTTPResponse(status: 200, headers: HTTPFields([]), body: SecretBytes(Self.keys)))
    }
    #expect(try await scene.resolve(Self.container, over: endpoint).source == "container endpoint")
    #expect(endpoint.requests.map(\.url.description) == [url])
  }

  @Test(arguments: [
    (["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "@evil.example/"], "begins with /"),
    (["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": ".evil.example/"], "begins with /"),
    (["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/a b"], "begins with /"),
    (["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://evil.example/"], "over https only"),
    (["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2.evil.example/"], "over https only"),
    (["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.169.254/"], "over https only"),
    (["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://u:p@localhost/"], "is no address"),
    ([:], "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor"),
    (
      ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/r", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\nX-Evil: 1"],
      "no token that a header can carry"
    ),
    (
      ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/r", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/no/such"],
      "is refused: it lies outside the allowed folders"
    ),
  ])
  func refusesHostileSettingsOfAContainer(variables: [String: String], expected: String) async throws {
    scene.environment.merge(variables) { $1 }
    let silent = ScriptedTransport.silent
    let line = try #require(try await scene.failure(Self.container, over: silent)).line
    #expect(line.contains(expected), "\(line)")
    #expect(silent.requests.isEmpty)
  }

  @Test func doesNotAskTheInstanceWhereTheContainerRefuses() async throws {
    scene.environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/r"
    let refusing = ScriptedTransport.answering(["GET /r": (403, "{}")])
    let failure = try #require(try await scene.failure(over: refusing))
    #expect(failure.line.contains("the container's credential endpoint refused (status 403)"))
    #expect(refusing.requests.count == 1)
  }

  @Test func showsNoDocumentTheWayToThem() {
    let policy = NodePolicy.personal
    for address in ["http://169.254.169.254/", "http://169.254.170.2/", "https://169.254.169.254/"] {
      #expect(throws: PolicyRefusal.self) { try policy.check(HTTPURL(parsing: address)) }
      #expect(throws: Never.self) { try policy.check(metadataService: HTTPURL(parsing: address)) }
    }
  }
}
