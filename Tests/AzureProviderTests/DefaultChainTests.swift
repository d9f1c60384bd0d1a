import ProviderFakes
import ProviderKit
import TestSupport
import Testing

/// What each link of the default chain does with what is blank, half there, expired, or says two things at once.
@Suite struct DefaultChainTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var auth = "{}"
    /// FOLDER stands for a folder with the federated tokens `good`, `expired` and `blank`.
    let variables: [String: String]
    /// The requests for a token, as ``line(_:)`` has them.
    let asked: [String]
    /// `nil`: the secret is read.
    var failure: String?

    init(
      _ what: String, auth: String = "{}", _ variables: [String: String], asks asked: [String] = [],
      fails failure: String? = nil
    ) {
      testDescription = what
      self.auth = auth
      self.variables = variables
      self.asked = asked
      self.failure = failure
    }
  }

  // MARK: - Rows

  private static let secret = "login by secret of web"
  private static let assertion = "login by assertion of web"
  private static let machine = "metadata"

  private static let principal = [
    "AZURE_TENANT_ID": AzureFake.tenant, "AZURE_CLIENT_ID": "web", "AZURE_CLIENT_SECRET": "s3cr3t+/=& %",
  ]
  private static let workload = [
    "AZURE_TENANT_ID": AzureFake.tenant, "AZURE_CLIENT_ID": "web", "AZURE_FEDERATED_TOKEN_FILE": "FOLDER/good",
  ]
  private static let app = ["IDENTITY_ENDPOINT": "FAKE/msi/token", "IDENTITY_HEADER": AzureFake.identityHeader]

  private static func with(_ base: [String: String], _ more: [String: String]) -> [String: String] {
    base.merging(more) { $1 }
  }

  private static let environment: [Row] = [
    Row("principal: whole", principal, asks: [secret]),
    Row("principal: a blank secret, no tenant", ["AZURE_TENANT_ID": "", "AZURE_CLIENT_SECRET": ""], asks: [machine]),
    Row(
      "principal: a secret of spaces", with(principal, ["AZURE_CLIENT_SECRET": " \t"]), asks: ["metadata of web"],
      fails: "environment: AZURE_CLIENT_SECRET is not set"),
    Row("principal: no client", with(principal, ["AZURE_CLIENT_ID": ""]), asks: [machine]),
    Row("principal: nothing but the secret", ["AZURE_CLIENT_SECRET": "s"], asks: [machine]),
    Row(
      "principal: a wrong secret", with(principal, ["AZURE_CLIENT_SECRET": "x"]), asks: [secret], fails: "AADSTS7000215"
    ),
    Row(
      "principal: a tenant that is a path", with(principal, ["AZURE_TENANT_ID": "a/b"]), fails: "not an id or a domain"),
    Row(
      "principal: an unknown client", with(principal, ["AZURE_CLIENT_ID": "x"]), asks: ["login by secret of x"],
      fails: "AADSTS700016"),
    Row(
      "principal: a certificate",
      ["AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "x", "AZURE_CLIENT_CERTIFICATE_PATH": "/c.pem"],
      asks: ["metadata of x"], fails: "AZURE_CLIENT_CERTIFICATE_PATH is not read"),
    Row(
      "principal: a person's password", ["AZURE_CLIENT_ID": "x", "AZURE_USERNAME": "u", "AZURE_PASSWORD": "hidden"],
      asks: ["metadata of x"], fails: "AZURE_PASSWORD is not read"),
  ]

  private static let federation: [Row] = [
    Row("workload: whole", workload, asks: [assertion]),
    Row("workload: and a principal", with(workload, principal), asks: [secret]),
    Row(
      "workload: a blank path", with(workload, ["AZURE_CLIENT_ID": "", "AZURE_FEDERATED_TOKEN_FILE": " "]),
      asks: [machine]),
    Row("workload: no tenant", with(workload, ["AZURE_TENANT_ID": "", "AZURE_CLIENT_ID": ""]), asks: [machine]),
    Row("workload: no file", with(workload, ["AZURE_FEDERATED_TOKEN_FILE": "FOLDER/none"]), fails: "does not exist"),
    Row("workload: a blank file", with(workload, ["AZURE_FEDERATED_TOKEN_FILE": "FOLDER/blank"]), fails: "is empty"),
    Row(
      "workload: an expired token", with(workload, ["AZURE_FEDERATED_TOKEN_FILE": "FOLDER/expired"]), asks: [assertion],
      fails: "AADSTS700024"),
    Row(
      "workload: the document's client", auth: #"{"method": "default", "managed_identity_client_id": "web"}"#,
      with(workload, ["AZURE_CLIENT_ID": ""]), asks: [assertion]),
    Row(
      "workload: the document's client against the variable's",
      auth: #"{"method": "default", "managed_identity_client_id": "web"}"#,
      with(workload, ["AZURE_CLIENT_ID": "other"]), asks: [assertion]),
  ]

  private static let managed: [Row] = [
    Row("managed: nothing is set", [:], asks: [machine]),
    Row("managed: a client id", ["AZURE_CLIENT_ID": "mine"], asks: ["metadata of mine"]),
    Row("managed: a blank client id", ["AZURE_CLIENT_ID": " "], asks: [machine]),
    Row(
      "managed: a client id of nobody", ["AZURE_CLIENT_ID": "x"], asks: ["metadata of x"],
      fails: "asked for the identity of AZURE_CLIENT_ID"),
    Row(
      "managed: the document's against the variable's",
      auth: #"{"method": "default", "managed_identity_client_id": "mine"}"#,
      ["AZURE_CLIENT_ID": "x"], asks: ["metadata of mine"]),
    Row(
      "managed, by name: the variable is not its", auth: #"{"method": "managed_identity"}"#, ["AZURE_CLIENT_ID": "x"],
      asks: [machine]),
    Row("managed: an app", app, asks: ["app"]),
    Row("managed: an app, with a client id", with(app, ["AZURE_CLIENT_ID": "mine"]), asks: ["app of mine"]),
    Row("managed: an app's blank endpoint", with(app, ["IDENTITY_ENDPOINT": ""]), asks: [machine]),
    Row("managed: an app's blank header", with(app, ["IDENTITY_HEADER": " "]), asks: [machine]),
    Row(
      "managed: an app's wrong header", with(app, ["IDENTITY_HEADER": "hidden"]), asks: ["app"], fails: "gives no token"
    ),
    Row(
      "managed: an app's endpoint that is none", with(app, ["IDENTITY_ENDPOINT": "x"]),
      fails: "IDENTITY_ENDPOINT is not an address"),
    Row("managed: Service Fabric", with(app, ["IDENTITY_SERVER_THUMBPRINT": "00"]), fails: "Service Fabric"),
    Row(
      "managed: Azure Arc, with a client id",
      ["IDENTITY_ENDPOINT": "FAKE/arc", "IMDS_ENDPOINT": "FAKE", "AZURE_CLIENT_ID": "mine"],
      fails: "knows the machine's own identity only"),
    Row(
      "managed: a metadata address that is none", ["AZURE_POD_IDENTITY_AUTHORITY_HOST": "x y"],
      fails: "AZURE_POD_IDENTITY_AUTHORITY_HOST is not an address"),
  ]

  private static func only(_ word: String, _ more: [String: String] = [:]) -> [String: String] {
    with(more, ["AZURE_TOKEN_CREDENTIALS": word])
  }

  private static let choice: [Row] = [
    Row("choice: blank", only(" ", principal), asks: [secret]),
    Row("choice: prod", only("prod", principal), asks: [secret]),
    Row("choice: prod, in other letters", only(" PROD\t"), asks: [machine]),
    Row("choice: dev", only("dev", principal), fails: "asks for developers' credentials, which are not there"),
    Row(
      "choice: one that the agent has not", only("azureclicredential", principal),
      fails: "asks for AzureCliCredential, which is not there"),
    Row(
      "choice: another that it has not", only("VisualStudioCodeCredential"),
      fails: "asks for VisualStudioCodeCredential, which is not there"),
    Row("choice: no name", only("environment", principal), fails: "names neither a group nor a credential"),
    Row("choice: two names", only("prod,dev", principal), fails: "names neither a group nor a credential"),
    Row("choice: the principal", only("EnvironmentCredential", principal), asks: [secret]),
    Row(
      "choice: half a principal", only("environmentcredential", ["AZURE_TENANT_ID": "t"]),
      fails: "(AZURE_TOKEN_CREDENTIALS allows no other)"),
    Row(
      "choice: the workload, beside a principal", only("WorkloadIdentityCredential", with(workload, principal)),
      asks: [assertion]),
    Row(
      "choice: a workload that is not there", only("workloadidentitycredential", principal),
      fails: "workload identity: AZURE_FEDERATED_TOKEN_FILE is not set"),
    Row(
      "choice: the machine, beside a principal",
      only("ManagedIdentityCredential", with(principal, ["AZURE_CLIENT_ID": "mine"])),
      asks: ["metadata of mine"]),
  ]

  @Test(arguments: environment + federation + managed + choice)
  func theChainSays(_ row: Row) async throws {
    let issuer = Issuer(key: try JWTKey())
    try await withFolder { (folder: String) async throws in
      try write(try issuer.token(), to: "\(folder)/good")
      try write(try issuer.token(expires: 1_700_000_000), to: "\(folder)/expired")
      try write(" \n", to: "\(folder)/blank")
      let variables = ["AZURE_POD_IDENTITY_AUTHORITY_HOST": "FAKE"].merging(
        row.variables.mapValues { $0.replacing("FOLDER", with: folder) }
      ) { $1 }
      try AzureScene.run(auth: row.auth, environment: variables) { (scene: AzureScene) async throws in
        scene.fake.addFederation(client: "web", issuer.trust)
        scene.fake.assignUserIdentity("mine")
        if let words = row.failure {
          let failure = try await scene.failure("db")
          #expect(failure.kind == .denied, "\(failure.line)")
          #expect(failure.line.contains(words) && !failure.line.contains("hidden"), "\(failure.line)")
          #expect(failure.reference == nil, "\(failure.line)")
        } else {
          #expect(try await scene.read("db") == "p@ss")
        }
        #expect(scene.tokenRequests.map(Self.line) == row.asked)
      }
    }
  }

  @Test(arguments: ["dev", "AzureCliCredential", "nothing"])
  func whatIsNotThereIsToldBeforeTheVaultIsAsked(_ word: String) throws {
    try AzureScene.run(auth: "{}", environment: Self.only(word)) { (scene: AzureScene) async throws in
      let failure = try await scene.failure("db")
      #expect(failure.kind == .denied && failure.hint?.contains("ManagedIdentityCredential") == true)
      #expect(scene.fake.recorder.requests.isEmpty)
    }
  }

  private static func line(_ request: RecordedRequest) -> String {
    if request.method == "POST" {
      let client = request.body.split(separator: "&").first { $0.hasPrefix("client_id=") }?.dropFirst(10) ?? ""
      return "login by \(request.body.contains("client_assertion=") ? "assertion" : "secret") of \(client)"
    }
    let service = request.path == "/msi/token" ? "app" : "metadata"
    return service + (request.query["client_id"].map { " of \($0)" } ?? "")
  }
}
