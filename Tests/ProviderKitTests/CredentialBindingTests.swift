import EventLoop
import ExecutionModel
import HTTPTransport
import NodePolicy
import SecretBytes
import TestSupport
import Testing
import Text

@testable import ProviderKit

/// Credentials and addresses of a connection, held against each other whichever is known first.
@Suite(.timeLimit(.minutes(15))) struct CredentialBindingTests {
  private static let rules = """
    credentials:
      - {name: token, files: [/creds/token], variables: [TOKEN], identities: [gcp_metadata], to: [store.example]}
      - {name: web, profiles: [web], to: [store.example], for: {jobs: [web]}}
    """

  private static func answering() -> ScriptedTransport {
    ScriptedTransport { _, _ in .success(HTTPResponse(status: 200, headers: HTTPFields([]), body: SecretBytes())) }
  }

  private func services(
    _ transport: ScriptedTransport? = nil, rules: String = rules, decisions: CredentialDecisions? = nil
  ) throws -> ProviderServices {
    var policy = try PolicyFile.parse(SecretBytes(rules), over: .personal, origin: "policy.yaml")
    policy.origin = "policy.yaml"
    let plain = ProviderServices.testing(
      transport: { _ in transport ?? Self.answering() }, policy: policy,
      environment: ["TOKEN": "swordfish", "OTHER": "swordfish"])
    return ProviderServices(
      transport: plain.transport, time: plain.time, environment: plain.environment, policy: policy, log: plain.log,
      decisions: decisions
    ).granting(CredentialGrant(["token"]))
  }

  private func refusal(_ body: () async throws -> Void) async -> String {
    do {
      try await body()
      return ""
    } catch let failure as ProviderFailure where failure.kind == .policy {
      return failure.line
    } catch {
      return "another failure: \(error)"
    }
  }

  private let store = "https://store.example"
  private let elsewhere = "https://elsewhere.example"

  @Test func aCredentialTakenUpKeepsTheConnectionFromOtherAddresses() async throws {
    let transport = Self.answering()
    let connection = OpenConnection(named: "p", services: try services(transport))
    func call(_ address: String) async throws {
      let url = try HTTPURL(parsing: address)
      _ = try await connection.send(connection.request(.get, url)) { _ in .accept }
    }
    try await call(elsewhere)
    _ = try connection.credentialVariable("TOKEN")
    try await call(store)
    let line = await refusal { try await call(elsewhere) }
    #expect(
      line.contains("the variable TOKEN may not be sent to elsewhere.example:443 (rule `credentials.token`"), "\(line)")
    #expect(transport.requests.map(\.url.host) == ["elsewhere.example", "store.example"])
  }

  @Test func aConnectionThatLeadsElsewhereDoesNotReadTheCredential() async throws {
    let connection = OpenConnection(named: "p", services: try services())
    connection.expects(try HTTPURL(parsing: elsewhere))
    // The file is not there: it would be another failure, had it been read.
    let file = await refusal { _ = try connection.credentialFile("/creds/token", named: "auth.token_file") }
    #expect(file.contains("the file /creds/token may not be sent to elsewhere.example:443"), "\(file)")
    #expect(await refusal { _ = try connection.credentialVariable("TOKEN") }.contains("credentials.token"))
    #expect(await refusal { try connection.takeUp(.identity(.gcpMetadata)) }.contains("credentials.token"))
    #expect(await refusal { _ = try connection.credentialVariable("OTHER") } == "")
    #expect(await refusal { try connection.leads(to: HTTPURL(parsing: elsewhere)) } == "")
  }

  @Test func whatIsHeldIsHeldAgainstALaterAddress() async throws {
    let connection = OpenConnection(named: "p", services: try services())
    try connection.takeUp(.identity(.gcpMetadata))
    #expect(await refusal { try connection.leads(to: HTTPURL(parsing: store)) } == "")
    #expect(await refusal { try connection.leads(to: HTTPURL(parsing: elsewhere)) }.contains("credentials.token"))
  }

  @Test func theMachinesOwnServicesNeedNoLine() async throws {
    let connection = OpenConnection(named: "p", services: try services())
    try connection.takeUp(.identity(.gcpMetadata))
    for address in ["http://169.254.169.254", "http://127.0.0.1:80"] {
      let url = try HTTPURL(parsing: address)
      #expect(await refusal { try connection.check(url, .machine(url)) } == "", "\(address)")
    }
    // What a credential file calls the machine's own is not for that.
    let url = try HTTPURL(parsing: elsewhere)
    #expect(await refusal { try connection.check(url, .machine(url)) }.contains("credentials.token"))
  }

  /// Connections of one identity share its login; where one of them leads elsewhere, the login's token does not.
  @Test func aSharedLoginBringsItsCredentialAlong() async throws {
    let services = try services()
    let first = OpenConnection(named: "first", services: services)
    first.expects(try HTTPURL(parsing: store))
    let session = Session<String>(over: first) { () throws(ProviderFailure) in
      _ = try first.credentialVariable("TOKEN")
      return .init(credential: "token", until: nil)
    }
    let second = OpenConnection(named: "second", services: services)
    second.expects(try HTTPURL(parsing: elsewhere))
    #expect(await refusal { _ = try await first.login(to: session) } == "")
    let line = await refusal { _ = try await second.login(to: session) }
    #expect(line.hasPrefix("provider second: ") && line.contains("elsewhere.example"), "\(line)")
  }

  @Test func loginsAreSharedWithinOneGrantOnly() throws {
    let services = try services(rules: Self.rules)
    let web = services.granting(CredentialGrant(["token", "web"]))
    let again = services.granting(CredentialGrant(["token", "web"]))
    func session(_ services: ProviderServices) -> Session<String> {
      services.shared.session(of: "identity") {
        Session(over: OpenConnection(named: "p", services: services)) { () throws(ProviderFailure) in
          .init(credential: "", until: nil)
        }
      }
    }
    let (one, two, three) = (session(services), session(web), session(again))
    #expect(one !== two)
    #expect(two === three)
  }

  @Test func connectionsOfDifferentGrantsAreTwo() throws {
    let connection = try ProviderConnection.testing(
      #"{"provider": "scripted", "store": "s"}"#, by: ScriptedProvider.descriptor)
    func key(_ rules: [String]) throws(FieldFault) -> ProviderConnection.Key {
      try ProviderConnection.Key(connection.descriptor, connection.values, grant: CredentialGrant(rules))
    }
    #expect(try key([]) == connection.key)
    #expect(try key(["a"]) == key(["a"]))
    #expect(try key(["a"]) != key(["b"]))
    #expect(try key(["a"]) != connection.key)
  }

  @Test func decisionsAreNotedOnceEach() async throws {
    let decisions = CredentialDecisions()
    let connection = OpenConnection(named: "p", services: try services(decisions: decisions))
    connection.expects(try HTTPURL(parsing: store))
    for _ in 0..<3 {
      try connection.takeUp(.variable("TOKEN"))
      _ = await refusal { try connection.leads(to: HTTPURL(parsing: elsewhere)) }
    }
    try connection.takeUp(.variable("OTHER"))
    #expect(
      decisions.all.map(\.line) == [
        "credentials.token: lets the variable TOKEN go to store.example:443 (provider p)",
        "credentials.token: refuses the variable TOKEN to elsewhere.example:443 (provider p)",
      ])
  }
}
