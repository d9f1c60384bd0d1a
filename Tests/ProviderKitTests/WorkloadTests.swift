import EventLoop
import ExecutionModel
import HTTPTransport
import NodePolicy
import ProviderKit
import SecretBytes
import TestSupport
import Testing
import Text

/// What a connection comes to that logs in as a workload: its own tokens, and nothing of the node's.
@Suite struct WorkloadTests {
  private static let web = WorkloadIdentity(namespace: "shop", serviceAccount: "web")
  private let services: ProviderServices
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
    services = .testing(
      transport: { _ in ScriptedTransport { _, _ in .failure(TransportFailure(kind: .connect, host: "", detail: "")) }
      },
      environment: [
        "AZURE_CLIENT_SECRET": "of the node", "AZURE_AUTHORITY_HOST": "https://login.example.com",
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/node",
      ])
  }

  private func connection(_ identity: WorkloadIdentity = web) -> OpenConnection {
    OpenConnection(named: "p", services: services.granting(CredentialGrant([], workload: identity)))
  }

  @Test(arguments: ["AZURE_CLIENT_SECRET", "AWS_ROLE_ARN"])
  func noVariableOfTheNodeIsRead(_ name: String) throws {
    #expect(services.environment.read(name).secret != nil)
    let failure = #expect(throws: ProviderFailure.self) { try connection().credentialVariable(name) }
    #expect(failure?.kind == .policy)
    #expect(connection().services.environment.absence(of: name)?.contains("may not be read") == true)
  }

  @Test func cloudsAddressesAreTheNodesForAll() throws {
    let read = connection().services.environment.read("AZURE_AUTHORITY_HOST")
    #expect(read.text == "https://login.example.com")
  }

  @Test func noFileOfTheNodeIsRead() throws {
    let path = try folder.write("of the node", as: "token")
    #expect(try services.files.credential(path).unsafeString() == "of the node")
    let failure = #expect(throws: ProviderFailure.self) {
      try connection().content(ofCredentialFile: path, named: "auth.path")
    }
    #expect(failure?.kind == .policy)
    #expect(throws: NodeFileFault.self) { try connection().services.files.served(path) }
  }

  /// The file that a class names by `jwt_file` lies in the pod, where it holds what the kubelet brought.
  @Test func aNamedFileStandsForTheWorkloadsOwnToken() async throws {
    let path = try folder.write("of the node", as: "token")
    services.workloadTokens.note(["vault": SecretBytes("of the pod")], of: Self.web)
    let file = IdentityTokenSource.given(CredentialSource(.file(path), named: "auth.jwt_file"))
    #expect(try await connection().identityToken(file, for: ["vault"]).unsafeString() == "of the pod")
  }

  @Test func tokensAreTheirOwnWorkloadsOnly() async throws {
    services.workloadTokens.note(["vault": SecretBytes("of web")], of: Self.web)
    for stranger in [
      WorkloadIdentity(namespace: "shop", serviceAccount: "api"),
      WorkloadIdentity(namespace: "bank", serviceAccount: "web"),
    ] {
      let failure = await #expect(throws: ProviderFailure.self) {
        try await connection(stranger).identityToken(.workload, for: ["vault"])
      }
      #expect(failure?.line.contains("it has: none") == true)
    }
    services.workloadTokens.forget(Self.web)
    await #expect(throws: ProviderFailure.self) {
      try await connection().identityToken(.workload, for: ["vault"])
    }
  }

  /// A token is for whom its audience names: a cloud is not given Vault's.
  @Test func anotherAudiencesTokenIsNotGivenAway() async throws {
    services.workloadTokens.note(
      ["https://vault.shop.example": SecretBytes("of vault"), "sts.amazonaws.com": SecretBytes("of aws")], of: Self.web)
    let connection = connection()
    func token(_ audiences: [String], choosesAudience: Bool = false) async throws -> String? {
      try await connection.identityToken(.workload, for: audiences, choosesAudience: choosesAudience).unsafeString()
    }
    #expect(try await token(["vault"], choosesAudience: true) == "of vault")
    let failure = await #expect(throws: ProviderFailure.self) { try await token(["api://AzureADTokenExchange"]) }
    #expect(
      failure?.line.contains("it has: https://vault.shop.example, sts.amazonaws.com; add the audience") == true)
    services.workloadTokens.note(["other": SecretBytes("of another")], of: Self.web)
    await #expect(throws: ProviderFailure.self) { try await token(["vault"], choosesAudience: true) }
  }

  /// No link-local address but EKS's agent, which asks for the pod's own token.
  @Test(arguments: [
    ("http://169.254.169.254/", false), ("http://169.254.170.2/", false), ("http://127.0.0.1:1/", false),
    ("http://[fd00:ec2::254]/", false), ("http://169.254.170.23/v1/credentials", true),
    ("http://[fd00:ec2::23]/v1/credentials", true),
  ])
  func theMachinesIdentityIsNotAWorkloads(_ text: String, _ isAllowed: Bool) throws {
    let url = try HTTPURL(parsing: text)
    try OpenConnection(named: "p", services: services).check(url, .machine(url))
    if isAllowed {
      try connection().check(url, .machine(url))
    } else {
      let failure = #expect(throws: ProviderFailure.self) { try connection().check(url, .machine(url)) }
      #expect(failure?.kind == .policy)
    }
  }
}
