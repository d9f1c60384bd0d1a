import Foundation
import ProviderFakes
import ProviderKit
import TestSupport
import Testing

@testable import GCPProvider

/// What each source of application default credentials does with what is blank, half there, expired, or says two things at once.
@Suite struct DefaultChainTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var variables: [String: String] = [:]
    /// By name; FOLDER, TOKENS, EXCHANGE and FAKE stand for what a test knows only as it runs.
    var files: [String: String] = [:]
    /// The fake's machine has an account, and the metadata server is named by `GCE_METADATA_HOST`.
    var fault: Fault?
    let outcome: Outcome
  }

  enum Outcome: Sendable {
    /// Who is logged in as.
    case identity(String)
    /// The first source that is there ends the search, and what it lacks is told.
    case failure(ProviderFailure.Class, String)
  }

  // MARK: - Contents of files

  private static let pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"

  private static func user(
    id: String = "client", secret: String = "client-secret", refresh: String = "1//refresh"
  ) -> String {
    #"{"type": "authorized_user", "client_id": "\#(id)", "client_secret": "\#(secret)", "#
      + #""refresh_token": "\#(refresh)", "token_uri": "TOKENS"}"#
  }

  private static func federated(_ source: String, more: String = "") -> String {
    #"{"type": "external_account", "audience": "\#(pool)", "token_url": "EXCHANGE", "#
      + #""subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "credential_source": \#(source)\#(more)}"#
  }

  private static let serviceAccount = #""type": "service_account", "client_email": "a@b", "token_uri": "TOKENS""#

  // MARK: - Rows

  private static let machine = Outcome.identity("the machine's service account")
  private static let person = Outcome.identity("user")

  /// One file that `GOOGLE_APPLICATION_CREDENTIALS` names.
  private static func named(
    _ what: String, _ text: String, _ outcome: Outcome, _ more: [String: String] = [:]
  ) -> Row {
    Row(
      testDescription: "variable: \(what)", variables: ["GOOGLE_APPLICATION_CREDENTIALS": "FOLDER/given.json"],
      files: ["given.json": text].merging(more) { $1 }, outcome: outcome)
  }

  /// A file that is read and cannot be used.
  private static func faulty(_ what: String, _ text: String, _ words: String, _ more: [String: String] = [:]) -> Row {
    named(what, text, .failure(.denied, words), more)
  }

  private static let places: [Row] = [
    Row(testDescription: "variable: blank", variables: ["GOOGLE_APPLICATION_CREDENTIALS": ""], outcome: machine),
    Row(testDescription: "variable: spaces", variables: ["GOOGLE_APPLICATION_CREDENTIALS": " \t"], outcome: machine),
    Row(
      testDescription: "variable: no such file", variables: ["GOOGLE_APPLICATION_CREDENTIALS": "FOLDER/none.json"],
      outcome: .failure(.denied, "GOOGLE_APPLICATION_CREDENTIALS: FOLDER/none.json does not exist")),
    Row(
      testDescription: "variable: a folder", variables: ["GOOGLE_APPLICATION_CREDENTIALS": "FOLDER"],
      outcome: .failure(.denied, "GOOGLE_APPLICATION_CREDENTIALS: FOLDER")),
    Row(
      testDescription: "variable: a relative path", variables: ["GOOGLE_APPLICATION_CREDENTIALS": "key.json"],
      outcome: .failure(.denied, "GOOGLE_APPLICATION_CREDENTIALS: key.json")),
    Row(
      testDescription: "variable: faulty, with everything else in order",
      variables: ["GOOGLE_APPLICATION_CREDENTIALS": "FOLDER/given.json", "CLOUDSDK_CONFIG": "FOLDER"],
      files: ["given.json": "{}", "application_default_credentials.json": user()],
      outcome: .failure(.denied, "given.json has no type")),
    Row(
      testDescription: "variable and gcloud's file, both in order",
      variables: ["GOOGLE_APPLICATION_CREDENTIALS": "FOLDER/key.json", "CLOUDSDK_CONFIG": "FOLDER"],
      files: ["application_default_credentials.json": user()],
      outcome: .identity("service account \(GCPScene.account)")),
  ]

  private static let contents: [Row] = [
    faulty("empty", "", "given.json is not JSON"),
    faulty("cut off", #"{"type": "authorized_"#, "given.json is not JSON"),
    faulty("no object", "[]", "given.json is not a JSON object"),
    faulty("a blank type", #"{"type": ""}"#, "given.json has no type"),
    faulty("another type", #"{"type": "gdch_service_account"}"#, "is of type gdch_service_account; known are"),
    faulty("a key without its account", #"{"type": "service_account", "private_key": "x"}"#, "has no client_email"),
    faulty("an account without its key", "{\(serviceAccount)}", "has no private_key"),
    faulty("a blank key", #"{\#(serviceAccount), "private_key": ""}"#, "has no private_key"),
    faulty(
      "half a key", #"{\#(serviceAccount), "private_key": "-----BEGIN PRIVATE KEY-----\nMIIE"}"#, "is not an RSA key"),
    faulty("a person without consent", user(refresh: ""), "has no refresh_token"),
    faulty("a blank client secret", user(secret: ""), "has no client_secret"),
    faulty("consent that was revoked", user(refresh: "1//revoked"), "invalid_grant"),
    faulty("another client", user(secret: "other"), "invalid_client"),
    named("a person", user(), person),
    faulty(
      "an account to act as, of nobody",
      #"{"type": "impersonated_service_account", "service_account_impersonation_url": "FAKE/v1/a:generateAccessToken"}"#,
      "has no source_credentials"),
    faulty(
      "another universe", #"{"type": "service_account", "universe_domain": "other.example"}"#, "is for the universe"),
  ]

  private static let subjects: [Row] = [
    faulty("no subject token", federated(#"{"file": "FOLDER/none"}"#), "credential_source.file: FOLDER/none"),
    faulty("a blank subject token", federated(#"{"file": "FOLDER/token"}"#), "FOLDER/token is empty", ["token": " \n"]),
    faulty("an expired subject token", federated(#"{"file": "FOLDER/expired"}"#), "invalid_grant"),
    named(
      "a subject token", federated(#"{"file": "FOLDER/good"}"#), .identity("workload identity of p/providers/q")),
    faulty("two places of a token", federated(#"{"file": "/f", "url": "https://x"}"#), "neither a file nor a url"),
    faulty("no place of a token", federated("{}"), "neither a file nor a url"),
    faulty(
      "a member that is not there",
      federated(#"{"file": "FOLDER/token", "format": {"type": "json", "subject_token_field_name": "t"}}"#),
      "has no text t", ["token": #"{"other": "x"}"#]),
    faulty(
      "JSON without a member's name", federated(#"{"file": "FOLDER/token", "format": {"type": "json"}}"#),
      "has no subject_token_field_name"),
    faulty(
      "a workload's pool with a workforce's project",
      federated(#"{"file": "FOLDER/good"}"#, more: #", "workforce_pool_user_project": "1""#), "no workforce pool"),
    named(
      "a workload's pool with a blank workforce's project",
      federated(#"{"file": "FOLDER/good"}"#, more: #", "workforce_pool_user_project": """#),
      .identity("workload identity of p/providers/q")),
    faulty("a program to run", federated(#"{"executable": {"command": "x"}}"#), "wants a program to be run"),
  ]

  private static let gcloud: [Row] = [
    Row(testDescription: "HOME: blank", variables: ["HOME": ""], outcome: machine),
    Row(testDescription: "HOME: without gcloud's file", variables: ["HOME": "FOLDER"], outcome: machine),
    Row(
      testDescription: "CLOUDSDK_CONFIG: blank, HOME has the file",
      variables: ["CLOUDSDK_CONFIG": " ", "HOME": "FOLDER/home"],
      files: ["home/.config/gcloud/application_default_credentials.json": user()], outcome: person),
    Row(
      testDescription: "CLOUDSDK_CONFIG: without the file, HOME has one",
      variables: ["CLOUDSDK_CONFIG": "FOLDER/sdk", "HOME": "FOLDER/home"],
      files: ["home/.config/gcloud/application_default_credentials.json": user()], outcome: machine),
    Row(
      testDescription: "gcloud's file: empty", variables: ["CLOUDSDK_CONFIG": "FOLDER"],
      files: ["application_default_credentials.json": ""],
      outcome: .failure(.denied, "is not JSON: line 1, column 1: the document is empty")),
    Row(
      testDescription: "gcloud's file: a folder", variables: ["CLOUDSDK_CONFIG": "FOLDER"],
      files: ["application_default_credentials.json/x": ""],
      outcome: .failure(.denied, "is not a regular file")),
    Row(
      testDescription: "gcloud's file: consent that was revoked", variables: ["CLOUDSDK_CONFIG": "FOLDER"],
      files: ["application_default_credentials.json": user(refresh: "1//revoked")],
      outcome: .failure(.denied, "login as user: ")),
  ]

  private static let metadata: [Row] = [
    Row(
      testDescription: "metadata: nobody answers",
      variables: ["GCE_METADATA_HOST": "", "GCE_METADATA_IP": "127.0.0.1:1"],
      outcome: .failure(.denied, "no credential was found: GOOGLE_APPLICATION_CREDENTIALS is not set, HOME is not set")),
    Row(
      testDescription: "metadata: named, and said not to be there", variables: ["NO_GCE_CHECK": "true"],
      outcome: .failure(.denied, "NO_GCE_CHECK says that there is no metadata server")),
    Row(testDescription: "metadata: NO_GCE_CHECK blank", variables: ["NO_GCE_CHECK": ""], outcome: machine),
    Row(
      testDescription: "metadata: not a host", variables: ["GCE_METADATA_HOST": "http://x/y"],
      outcome: .failure(.denied, "GCE_METADATA_HOST is not a host")),
    Row(
      testDescription: "metadata: a machine without an account",
      fault: .reply(status: 404, body: "{}"),
      outcome: .failure(.malformed, "what answers is not Google's metadata server")),
    Row(
      testDescription: "metadata: a web page", fault: .html(200),
      outcome: .failure(.malformed, "what answers is not Google's metadata server")),
    Row(
      testDescription: "metadata: reset", fault: .reset, outcome: .failure(.transient, "the metadata server: ")),
    Row(
      testDescription: "quota project: blank", variables: ["GOOGLE_CLOUD_QUOTA_PROJECT": " "], outcome: machine),
  ]

  @Test(arguments: places + contents + subjects + gcloud + metadata)
  func theChainSays(_ row: Row) throws {
    let key = try GCPScene.key.get()
    try GCPScene.run(auth: nil, environment: row.variables) { fake, folder in
      fake.addUser("person@example.com", refreshToken: "1//refresh")
      fake.addPool(GCPIdentityPool(audience: Self.pool, publicKeys: [key.publicPEM]))
      for (name, expires) in [("good", 4_000_000_000), ("expired", 1_700_000_000)] {
        let claims = #"{"iss":"https://issuer.example","sub":"node","aud":"https:\#(Self.pool)","exp":\#(expires)}"#
        try write(key.token(claims: claims), to: "\(folder)/\(name)")
      }
      for (name, text) in row.files {
        let path = URL(fileURLWithPath: "\(folder)/\(name)")
        try FileManager.default.createDirectory(
          at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
        try write(Self.placed(text, fake, folder), to: path.path)
      }
      if let fault = row.fault {
        fake.faults.add(fault, on: "GET /computeMetadata/*")
      }
    } _: { (scene: GCPScene) async throws in
      switch row.outcome {
      case .identity(let identity):
        let connection = try scene.connect()
        #expect(try await connection.provider.logIn().identity == identity)
        #expect(try await connection.fetch("db").get().payload.unsafeString() == "p@ss")
      case .failure(let kind, let words):
        let failure = try await scene.failure("db")
        #expect(failure.kind == kind, "\(failure.line)")
        #expect(failure.line.contains(Self.placed(words, scene.fake, scene.folder)), "\(failure.line)")
        #expect(failure.reference == nil && scene.reads.isEmpty, "\(failure.line)")
      }
    }
  }

  private static func placed(_ text: String, _ fake: GCPFake, _ folder: String) -> String {
    text.replacing("FOLDER", with: folder).replacing("TOKENS", with: fake.tokenURL)
      .replacing("EXCHANGE", with: fake.exchangeURL).replacing("FAKE", with: fake.address)
  }
}
