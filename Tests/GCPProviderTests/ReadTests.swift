import ExecutionModel
import Foundation
import HTTPTransport
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

@testable import GCPProvider

@Test func versionsAreReadByNumberAliasAndAsTheLatest() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    scene.fake.put("key", "one")
    scene.fake.put("key", "two")
    scene.fake.setAlias("stable", of: "key", to: 1)
    let connection = try scene.connect()
    for (asked, value, version) in [
      (nil, "two", "2"), ("latest", "two", "2"), ("1", "one", "1"), ("stable", "one", "1"),
    ] {
      let secret = try await connection.fetch("key", version: asked).get()
      #expect(secret.payload.unsafeString() == value)
      #expect(secret.version == version)
    }
  }
}

@Test func payloadsAreBytes() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    for text in ["a\u{0}b\n", "\u{1F511} ü", String(repeating: "x", count: 65_536)] {
      scene.fake.put("bytes", text)
      #expect(try await scene.read("bytes") == text)
    }
  }
}

@Test func regionalSecretsHaveAPathOfTheirOwn() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    scene.fake.put("key", "global")
    scene.fake.put("key", "regional", location: "europe-west3")
    let connection = try scene.connect(more: #", "location": "europe-west3""#)
    #expect(try await connection.fetch("key").get().payload.equals("regional"))
    #expect(
      scene.reads.last?.path
        == "/v1/projects/demo-project/locations/europe-west3/secrets/key/versions/latest:access")
    #expect(try await scene.read("key") == "global")
  }
}

@Test func theServiceIsWhereTheLocationSays() {
  #expect(SecretParent(project: "p", location: nil).standardEndpoint == "https://secretmanager.googleapis.com")
  #expect(
    SecretParent(project: "p", location: "europe-west3").standardEndpoint
      == "https://secretmanager.europe-west3.rep.googleapis.com")
}

@Test func theVerbsColonIsSentAsItIs() async throws {
  let sent = ScriptedTransport { request, _ in
    let body =
      request.method == .post
      ? #"{"access_token": "t", "expires_in": 3600}"#
      : #"{"name": "projects/1/secrets/db/versions/7", "payload": {"data": "eA=="}}"#
    return .success(HTTPResponse(status: 200, headers: HTTPFields([]), body: SecretBytes(body)))
  }
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gcp-\(UUID().uuidString).json").path
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try write(
    #"{"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}"#, to: folder)
  let connection = try ProviderConnection.testing(
    #"{"provider": "gcp_secret_manager", "project": "example.com:shop"}"#, by: GCPSecretManagerProvider.descriptor)
  let open = try GCPConnection(
    connection,
    over: .testing(transport: { _ in sent }, environment: ["GOOGLE_APPLICATION_CREDENTIALS": folder]))
  #expect(try await open.fetch("db").get().version == "7")
  #expect(
    sent.requests.map { "\($0.url)" } == [
      "https://oauth2.googleapis.com/token",
      "https://secretmanager.googleapis.com/v1/projects/example.com%3Ashop/secrets/db/versions/latest:access",
    ])
}

@Test func fullNamesAreTaken() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    scene.fake.put("key", "one")
    scene.fake.put("key", "two")
    scene.fake.put("key", "other", project: "other-project")
    let connection = try scene.connect()
    for (name, value) in [
      ("projects/demo-project/secrets/key", "two"), ("projects/\(GCPFake.projectNumber)/secrets/key", "two"),
      ("projects/other-project/secrets/key", "other"), ("projects/demo-project/secrets/key/versions/1", "one"),
    ] {
      #expect(try await connection.fetch(name).get().payload.unsafeString() == value)
    }
    #expect(
      try await connection.fetch("projects/demo-project/secrets/key", version: "1").get().payload.equals("one"))
    // However it is written, it is one value.
    #expect(connection.reference("key") == connection.reference("projects/demo-project/secrets/key/versions/latest"))
  }
}

@Test func namesThatAreNoneAreToldAndNotSent() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    let connection = try scene.connect()
    for (name, version, words) in [
      ("a/b", nil, "letters, digits"), ("..", nil, "letters, digits"), (String(repeating: "a", count: 256), nil, "255"),
      ("key", "v:1", "a number, latest or an alias"), ("projects/p/secrets", nil, "full name"),
      ("projects/p/secrets/a/versions", nil, "full name"), ("projects/../secrets/a", nil, "full name"),
      ("projects/p/folders/f/secrets/a", nil, "full name"), ("projects/p/secrets/a/versions/1/x/y", nil, "full name"),
      ("projects/p/locations/us/secrets/a", nil, "the secret lives in us"),
      ("projects/p/secrets/a/versions/1", "2", "the name says version 1"),
    ] {
      var lookup = FieldValues()
      lookup["secret"] = .text(name)
      lookup["version"] = version.map { .text($0) }
      let fault = #expect(throws: FieldFault.self) {
        try connection.connection.descriptor.reference(lookup, over: connection.connection.key)
      }
      #expect(fault?.field == "secret")
      #expect(fault?.message.contains(words) == true, "\(fault?.message ?? "")")
    }
    #expect(scene.fake.recorder.requests.isEmpty)
  }
}

@Test func projectAndLocationCannotLeadElsewhere() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    for more in [
      #", "location": "x.evil.example/""#, #", "location": "us@evil""#, #", "location": "-""#,
      #", "auth": {"impersonate_service_account": "a@b/../c"}"#,
    ] {
      #expect(throws: (any Error).self) { try scene.connect(auth: nil, more: more) }
    }
    for project in ["../x", "a/b", ".", "A"] {
      #expect(!SecretParent.isProject(project))
    }
  }
}

@Test func variablesThatAreNoAddressesAreTold() throws {
  let auth = #"{"service_account_key_file": "FOLDER/key.json", "impersonate_service_account": "a@b"}"#
  for service in ["SECRETMANAGER", "IAMCREDENTIALS"] {
    let variable = "CLOUDSDK_API_ENDPOINT_OVERRIDES_\(service)"
    try GCPScene.run(auth: auth, environment: [variable: "ftp://x"]) { (scene: GCPScene) async throws in
      let connection = try scene.connect()
      let message = "the agent's variable \(variable) is not an address: only http and https are known"
      let failure = #expect(throws: ProviderFailure.self) { try connection.provider.checkAddresses() }
      #expect(failure?.message == message)
      scene.fake.allow(GCPScene.account, toActAs: "a@b")
      #expect(try await connection.failure("db").message == message)
      #expect(scene.reads.isEmpty)
    }
  }
}

@Test func aSpoiltPayloadIsReadAgain() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    scene.fake.spoilChecksums(times: 2)
    #expect(try await scene.read("db") == "p@ss")
    #expect(scene.reads.count == 3)
    scene.fake.spoilChecksums(times: 100)
    let failure = try await scene.failure("db")
    #expect(failure.kind == .transient)
    #expect(failure.message == "the payload does not match its checksum (dataCrc32c)")
    #expect(scene.reads.count == 8)
    scene.fake.spoilChecksums(times: 0)
    scene.fake.hideChecksums()
    #expect(try await scene.read("db") == "p@ss")
  }
}

@Test func refusalsSayWhatToDo() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    scene.fake.put("state", "one")
    scene.fake.put("state", "two")
    scene.fake.setState("state", version: 1, .disabled)
    scene.fake.setState("state", version: 2, .destroyed)
    let connection = try scene.connect()
    for (name, version, kind, words) in [
      ("nothing", nil, .missing, "no such secret, or no such version of it (NOT_FOUND) (status 404)"),
      ("db", "9", .missing, "no such secret"),
      ("state", "1", .missing, "version 1 is disabled (FAILED_PRECONDITION) (status 400); enable it"),
      ("state", nil, .missing, "version latest was destroyed"),
      ("projects/unknown-project/secrets/a", nil, .denied, "roles/secretmanager.secretAccessor"),
    ] as [(String, String?, ProviderFailure.Class, String)] {
      let failure = try await connection.failure(name, version: version)
      #expect(failure.kind == kind)
      #expect(failure.line.contains(words), "\(failure.line)")
    }
    // None of them is worth another attempt, and none a new login.
    #expect(scene.reads.count == 5)
    #expect(scene.logins.count == 1)
    scene.fake.takeRights(of: GCPScene.account)
    #expect(
      try await connection.failure("db").line
        == "provider p: projects/demo-project/secrets/db/versions/latest: permission denied (PERMISSION_DENIED, "
        + "IAM_PERMISSION_DENIED) (status 403); grant service account \(GCPScene.account) "
        + "roles/secretmanager.secretAccessor on it; a project that does not exist answers so too")
  }
}

@Test func theQuotaProjectGoesAlong() throws {
  try GCPScene.run(auth: nil, environment: ["GOOGLE_APPLICATION_CREDENTIALS": "FOLDER/user.json"]) { fake, folder in
    let file = fake.addUser("person@example.com", refreshToken: "1//refresh")
    try write(String(file.dropLast()) + #","quota_project_id":"demo-project"}"#, to: "\(folder)/user.json")
  } _: { (scene: GCPScene) async throws in
    #expect(try await scene.read("db") == "p@ss")
    #expect(scene.reads.last?.headers["x-goog-user-project"] == "demo-project")
  }
  let key = #"{"service_account_key_file": "FOLDER/key.json"}"#
  try GCPScene.run(auth: key, environment: ["GOOGLE_CLOUD_QUOTA_PROJECT": "foreign"]) {
    (scene: GCPScene) async throws in
    let failure = try await scene.failure("db")
    #expect(failure.line.contains("the quota project may not be used (PERMISSION_DENIED, USER_PROJECT_DENIED)"))
    #expect(scene.reads.last?.headers["x-goog-user-project"] == "foreign")
  }
  try GCPScene.run(auth: key, environment: ["GOOGLE_CLOUD_QUOTA_PROJECT": "a b"]) { (scene: GCPScene) async throws in
    #expect(try await scene.failure("db").message == "the quota project is not the id of one")
    #expect(scene.reads.isEmpty)
  }
}

@Test func aHundredSecretsAreOneLoginOnFewConnections() throws {
  try GCPScene.run(overHTTP2: true) { (scene: GCPScene) async throws in
    for number in 0..<100 {
      scene.fake.put("s\(number)", "v\(number)")
    }
    let connection = try scene.connect()
    let results = await connection.provider.fetch(references: (0..<100).map { connection.reference("s\($0)") })
    #expect(try results.map { try $0.get().payload.unsafeString() } == (0..<100).map { "v\($0)" })
    #expect(scene.logins.count == 1)
    #expect(scene.reads.count == 100)
    // By HTTP/1.1 the 64 calls at once would each need a connection.
    #expect(try #require(scene.secure).server.connectionCount <= 2)
  }
}

@Test func throttlingAndFaultsAreTriedAgain() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    scene.fake.faults.add(.retryAfter(status: 429, seconds: 7), on: "GET /v1/*", times: 1)
    scene.fake.faults.add(.status(503), on: "GET /v1/*", times: 1)
    scene.fake.faults.add(.reset, on: "GET /v1/*", times: 1)
    #expect(try await scene.read("db") == "p@ss")
    #expect(scene.time.slept.contains { $0 >= .seconds(7) })
    #expect(scene.reads.count == 4)
  }
}

@Test func answersOfSomebodyElseAreTold() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    let connection = try scene.connect()
    for (fault, words) in [
      (Fault.html(200), "the answer is not JSON (text/html)"), (.html(404), "this is not Secret Manager's answer"),
      (.html(403), "this is not Secret Manager's answer"), (.malformedJSON, "the answer is not JSON"),
      (.redirect("http://127.0.0.1:9/"), "this is not Secret Manager's answer"), (.huge(8 << 20), "larger than"),
    ] {
      scene.fake.faults.add(fault, on: "GET /v1/*", times: 5)
      let failure = try await connection.failure("db")
      #expect(failure.kind == .malformed)
      #expect(failure.line.contains(words), "\(failure.line)")
      scene.fake.faults.clear()
    }
    #expect(try await connection.fetch("db").get().payload.equals("p@ss"))
  }
}
