import Foundation
import Glibc
import TestSupport
import Testing

/// What a store that works says no to, and addresses where there is none.
@Suite(.timeLimit(.minutes(15))) struct Refusals {
  private let fakes: Fakes
  private let agent: Agent

  init() throws {
    fakes = try Fakes(seed: [
      "vault": [
        "mounts": [["path": "legacy", "version": 1]],
        "secrets": [
          ["mount": "secret", "path": "web/db", "data": ["password": "p", "username": "u"]],
          ["mount": "secret", "path": "closed/db", "data": ["password": "p"]],
          ["mount": "legacy", "path": "mail", "data": ["smtp_password": "s"]],
        ],
        "approles": [
          [
            "role_id": "demo-web-role", "secret_id": "demo-web-secret-id",
            "allowed": ["secret/data/web/", "secret/web/", "legacy/", "nowhere/"],
          ]
        ],
      ]
    ])
    agent = try Agent()
  }

  private func resolve(_ entry: JSON) async throws -> Outcome {
    try await agent.resolve(jobSpec(vault(fakes.address), ["PASSWORD": entry]))
  }

  // MARK: - Denied

  @Test(arguments: [("demo-web-role", "wrong"), ("wrong", "demo-web-secret-id")])
  func wrongCredentials(role: String, secret: String) async throws {
    let auth: JSON = ["method": "approle", "role_id": .string(role), "secret_id": .string(secret)]
    let outcome = try await agent.resolve(lone(fakes.address, auth: auth))
    outcome.expectFailure(
      Status.denied, saying: "approle login at \(fakes.address): ", "auth/approle", "invalid role or secret ID", "400")
  }

  @Test func aMethodMountedElsewhere() async throws {
    let auth: JSON = [
      "method": "approle", "role_id": "demo-web-role", "secret_id": "demo-web-secret-id", "mount_path": "elsewhere",
    ]
    let outcome = try await agent.resolve(lone(fakes.address, auth: auth))
    outcome.expectFailure(Status.denied, saying: "auth/elsewhere", "mount_path")
  }

  @Test func aTokenThatIsNone() async throws {
    let outcome = try await agent.resolve(lone(fakes.address, auth: ["method": "static", "token": "hvs.none"]))
    outcome.expectFailure(Status.denied, saying: "403")
    #expect(!outcome.errorText.contains("hvs.none"))
  }

  @Test func aPathOutsideTheRolesPolicies() async throws {
    let outcome = try await resolve(kv2("closed/db", "password"))
    outcome.expectFailure(
      Status.denied, saying: "secrets.PASSWORD", "secret/data/closed/db", "permission denied", "403")
  }

  @Test(arguments: ["secret_id_file", "secret_id_env"]) func aCredentialThatIsNotThere(source: String) async throws {
    let place = source == "secret_id_env" ? "NOT_SET_ANYWHERE" : agent.folder.file("absent").path
    let auth: JSON = .object([
      ("method", "approle"), ("role_id", "demo-web-role"), (source, .string(place)),
    ])
    let outcome = try await agent.resolve(lone(fakes.address, auth: auth))
    outcome.expectFailure(Status.denied, saying: "auth.\(source)", place)
    #expect(try await fakes.requests() == [])
  }

  // MARK: - Missing

  @Test func aPathThatIsNotThere() async throws {
    let outcome = try await resolve(kv2("web/nowhere", "password"))
    outcome.expectFailure(Status.unavailable, saying: "secret/data/web/nowhere", "no secret at this path", "404")
  }

  @Test func aVersionThatIsNotThere() async throws {
    let outcome = try await resolve(kv2("web/db", "password").with([("version", 9)]))
    outcome.expectFailure(Status.unavailable, saying: "version 9", "404")
  }

  @Test func aFieldThatIsNotThereIsAnsweredByThoseThatAre() async throws {
    let outcome = try await resolve(kv2("web/db", "pasword"))
    outcome.expectFailure(Status.unavailable, saying: "no field pasword", "password, username")
  }

  @Test func aMountThatIsNotThere() async throws {
    let outcome = try await resolve(kv2("web/db", "password", mount: "nowhere"))
    outcome.expectFailure(Status.unavailable, saying: "no secrets engine is mounted at nowhere")
  }

  @Test func versionOneAskedOfAnEngineOfVersionTwo() async throws {
    let outcome = try await resolve(kv2("web/db", "password").with([("engine_version", 1)]))
    outcome.expectFailure(Status.unavailable, saying: "KV version 2", "set engine_version: 2")
  }

  @Test func versionTwoAskedOfAnEngineOfVersionOne() async throws {
    let outcome = try await resolve(kv2("mail", "smtp_password", mount: "legacy"))
    outcome.expectFailure(Status.unavailable, saying: "legacy/data/mail", "engine_version: 1")
  }

  // MARK: - Nobody there

  @Test func aPortThatNobodyListensOn() async throws {
    let dead = try DeadPort(listens: false)
    let outcome = try await agent.resolve(lone("http://127.0.0.1:\(dead.port)"))
    outcome.expectFailure(Status.unavailable, saying: "no connection to 127.0.0.1:\(dead.port)", "check the address")
  }

  /// RFC 6761 §6.4: no resolver knows a name below `invalid`.
  @Test func aHostThatHasNoAddress() async throws {
    let outcome = try await agent.resolve(lone("https://vault.invalid"), "--timeout", "3s")
    outcome.expectFailure(Status.unavailable, saying: "provider vault")
  }

  /// RFC 5737: addresses of documents, which nobody has.
  @Test func anAddressThatAnswersNothing() async throws {
    let outcome = try await agent.resolve(
      lone("https://192.0.2.1"), "--connect-timeout", "100ms", "--timeout", "3s")
    outcome.expectFailure(Status.unavailable, saying: "provider vault", "192.0.2.1:443")
  }
}
