import ExecutionModel
import HTTPTransport
import ProviderKit
import SecretBytes
import TestSupport
import Testing

@testable import AWSProvider

/// EKS Pod Identity for a pod, by the agent's own rules
/// (https://github.com/aws/eks-pod-identity-agent: pkg/handlers, internal/validation, pkg/errors).
@Suite struct PodIdentityTests {
  private static let web = WorkloadIdentity(namespace: "shop", serviceAccount: "web")
  private static let audience = "pods.eks.amazonaws.com"
  private let scene: CredentialScene

  init() throws {
    scene = try CredentialScene()
    // What a pod must never come to use.
    scene.environment["AWS_ACCESS_KEY_ID"] = "AKIANODE"
    scene.environment["AWS_SECRET_ACCESS_KEY"] = "of the node"
    scene.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:1/node"
  }

  private struct Pod {
    let session: Session<ResolvedCredentials>
    let services: ProviderServices
  }

  private func pod(
    _ auth: String = "", tokens: [String: SecretBytes] = [audience: SecretBytes("a.b.c")],
    over transport: ScriptedTransport
  ) throws -> Pod {
    let services = scene.services(transport)
    services.workloadTokens.note(tokens, of: Self.web)
    let context = try scene.context(auth, with: services.granting(CredentialGrant([], workload: Self.web)))
    return Pod(session: CredentialSearch(context).session(), services: services)
  }

  private func failure(
    _ auth: String = "", tokens: [String: SecretBytes] = [audience: SecretBytes("a.b.c")],
    over transport: ScriptedTransport
  ) async throws -> ProviderFailure? {
    let session = try pod(auth, tokens: tokens, over: transport).session
    return await #expect(throws: ProviderFailure.self) { try await session.current() }
  }

  /// As the agent marshals it: with the account, and a time in RFC 3339 with a fraction.
  private static func answer(_ key: String, until end: String = "2027-01-15T14:00:00.123456789Z") -> HTTPResponse {
    let body = """
      {"AccessKeyId":"\(key)","SecretAccessKey":"s/+=","Token":"t==","AccountId":"123456789012","Expiration":"\(end)"}
      """
    return HTTPResponse(
      status: 200, headers: HTTPFields([("Content-Type", "application/json")]), body: SecretBytes(body))
  }

  private static func authorization(_ request: HTTPRequest) -> String? {
    request.headers.first { $0.name == "Authorization" }?.value.unsafeString()
  }

  private static func refusal(_ status: Int, _ text: String) -> ScriptedTransport {
    ScriptedTransport { _, _ in
      .success(
        HTTPResponse(
          status: status, headers: HTTPFields([("Content-Type", "text/plain; charset=utf-8")]),
          body: SecretBytes(text + "\n")))
    }
  }

  @Test(arguments: ["", #", "auth": {"method": "pod_identity"}"#, #", "auth": {"method": "container"}"#])
  func theAgentIsAskedWithThePodsToken(_ auth: String) async throws {
    let transport = ScriptedTransport { _, _ in .success(Self.answer("ASIAPOD")) }
    let tokens = [Self.audience: SecretBytes("a.b.c"), "vault": SecretBytes("d.e.f")]
    let credential = try await pod(auth, tokens: tokens, over: transport).session.current().credential
    #expect(credential.credentials.accessKeyID == "ASIAPOD")
    #expect(credential.credentials.sessionToken?.unsafeString() == "t==")
    #expect(credential.credentials.expiresAt == 1_800_021_600)
    let request = try #require(transport.requests.first)
    #expect(transport.requests.count == 1)
    #expect(request.method == .get)
    #expect(request.url.description == "http://169.254.170.23/v1/credentials")
    // The token alone, without a scheme; the agent parses the whole header as a JWT.
    #expect(Self.authorization(request) == "a.b.c")
  }

  /// What the kubelet brings meanwhile is what the next login is made with.
  @Test func newTokensAreUsedWhenTheCredentialsEnd() async throws {
    let transport = ScriptedTransport { _, number in
      .success(Self.answer("ASIA\(number)", until: number == 0 ? "2027-01-15T09:00:00Z" : "2027-01-16T09:00:00Z"))
    }
    let pod = try pod(over: transport)
    #expect(try await pod.session.current().credential.credentials.accessKeyID == "ASIA0")
    pod.services.workloadTokens.note([Self.audience: SecretBytes("x.y.z")], of: Self.web)
    #expect(try await pod.session.current().credential.credentials.accessKeyID == "ASIA0")
    #expect(transport.requests.count == 1)
    scene.time.advance(by: .seconds(3601))
    #expect(try await pod.session.current().credential.credentials.accessKeyID == "ASIA1")
    #expect(transport.requests.last.flatMap(Self.authorization) == "x.y.z")
  }

  /// On a node without IPv4 the agent is at its other address.
  @Test func theAgentIsFoundOverIPv6() async throws {
    let transport = ScriptedTransport { request, _ in
      request.url.host == "[fd00:ec2::23]"
        ? .success(Self.answer("ASIASIX"))
        : .failure(TransportFailure(kind: .connect, host: request.url.host, detail: "Network is unreachable"))
    }
    let session = try pod(over: transport).session
    #expect(try await session.current().credential.credentials.accessKeyID == "ASIASIX")
    #expect(transport.requests.last?.url.description == "http://[fd00:ec2::23]/v1/credentials")
  }

  @Test func whereNoAgentAnswersItIsAway() async throws {
    let failure = try await failure(over: .silent)
    #expect(failure?.kind == .transient)
    #expect(failure?.line.contains("169.254.170.23") == true, "\(failure?.line ?? "")")
  }

  /// The agent answers in plain text, with EKS's code in it.
  @Test(arguments: [
    (404, "[7a]: (ResourceNotFoundException): No association found for service account web, fault: client"),
    (400, "Service account token failed basic claim validations: token has invalid claims: token is expired"),
    (403, "Access Denied. Called agent through invalid address, please use either [169.254.170.23 fd00:ec2::23]"),
  ])
  func itsRefusalIsTold(_ status: Int, _ words: String) async throws {
    let failure = try await failure(over: Self.refusal(status, words))
    #expect(failure?.kind == .denied)
    #expect(failure?.line.contains("(status \(status))") == true)
    #expect(failure?.line.contains(words.prefix(60)) == true, "\(failure?.line ?? "")")
    #expect(failure?.line.contains("pod identity association") == true)
  }

  /// It must not be believed to repeat the token.
  @Test func aTokenInItsWordsIsNotRepeated() async throws {
    let token = SecretBytes("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl")
    let transport = Self.refusal(400, "Service account token cannot be parsed: \(token.unsafeString() ?? "")")
    let failure = try await failure(tokens: [Self.audience: token], over: transport)
    #expect(failure?.kind == .denied)
    #expect(failure?.line.contains("eyJ") == false)
  }

  @Test(arguments: [429, 500, 503])
  func itsThrottlingAndFaultsPass(_ status: Int) async throws {
    let failure = try await failure(over: Self.refusal(status, "Unable to serialize credentials"))
    #expect(failure?.kind == .transient)
  }

  @Test func withoutAnExactTokenNothingIsAsked() async throws {
    let transport = ScriptedTransport { _, _ in .success(Self.answer("ASIANODE")) }
    let failure = try await failure(
      tokens: ["sts.amazonaws.com": SecretBytes("a.b.c"), "vault": SecretBytes("d.e.f")], over: transport)
    #expect(failure?.kind == .denied)
    let line = failure?.line ?? ""
    #expect(line.contains("no token for pods.eks.amazonaws.com; it has: sts.amazonaws.com, vault"), "\(line)")
    #expect(line.contains("give auth.role, which is taken with the token for sts.amazonaws.com"), "\(line)")
    #expect(transport.requests.isEmpty)
  }

  /// Web identity is given its own audience's token and no other.
  @Test func aRoleIsTakenWithTheTokenForSTS() async throws {
    let auth = #", "auth": {"role": "arn:aws:iam::123456789012:role/web"}"#
    let tokens = ["sts.amazonaws.com": SecretBytes("for.sts.it"), Self.audience: SecretBytes("a.b.c")]
    let transport = ScriptedTransport.sts("ASIAWEB")
    let credential = try await pod(auth, tokens: tokens, over: transport).session.current().credential
    #expect(credential.credentials.accessKeyID == "ASIAWEB")
    let body = transport.requests.first?.body?.unsafeString() ?? ""
    #expect(body.contains("Action=AssumeRoleWithWebIdentity") && body.contains("WebIdentityToken=for.sts.it"))
    let bare = try await failure(auth, tokens: ["vault": SecretBytes("d.e.f")], over: transport)
    #expect(bare?.line.contains("no token for sts.amazonaws.com; it has: vault") == true)
    #expect(transport.requests.count == 1)
  }

  /// A class's author may name any method: none of the node's is a pod's.
  @Test(arguments: [
    #", "auth": {"method": "profile"}"#, #", "profile": "node", "auth": {"method": "profile"}"#,
    #", "auth": {"method": "instance_metadata"}"#, #", "auth": {"method": "web_identity"}"#,
  ])
  func noMethodLeadsToTheNodesIdentity(_ auth: String) async throws {
    try scene.write(
      ".aws/credentials",
      "[default]\naws_access_key_id = AKIANODE\naws_secret_access_key = s\n[node]\naws_access_key_id = AKIANODE\naws_secret_access_key = s\n"
    )
    scene.environment["AWS_EC2_METADATA_DISABLED"] = nil
    scene.environment["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/node"
    let transport = ScriptedTransport { _, _ in .success(Self.answer("ASIANODE")) }
    let failure = try await failure(auth, over: transport)
    #expect(failure != nil)
    #expect(transport.requests.isEmpty)
  }
}
