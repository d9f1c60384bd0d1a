import Foundation
import TestSupport

/// What the tests put into a server before the executable comes: engines, policies, roles.
extension OpenBaoServer {
  /// The seed that `config/examples` speaks of.
  func seedForExamples() async throws {
    try await root.writeAll([
      ("sys/mounts/legacy", ["type": "kv", "options": ["version": "1"]]),
      ("secret/data/web/db", ["data": ["username": "web", "password": "correct horse battery staple"]]),
      (
        "secret/data/web/api",
        ["data": ["key": "demo-api-key-0123456789", "limits": ["rate": .literal("1.0"), "burst": [10, 20]]]]
      ),
      ("legacy/mail", ["smtp_password": "it's a \"demo\" $ecret"]),
      (
        "sys/policies/acl/web",
        ["policy": .string(readPolicy(["secret/data/web/*", "legacy/mail"]))]
      ),
      ("sys/auth/approle", ["type": "approle"]),
      ("auth/approle/role/web", ["token_policies": "web", "token_ttl": "20m"]),
      ("auth/approle/role/web/role-id", ["role_id": "demo-web-role"]),
      ("auth/approle/role/web/custom-secret-id", ["secret_id": "demo-web-secret-id"]),
    ])
  }

  /// A KV engine of the test's own; gives its mount.
  func makeEngine(version: Int, options: JSON = [:]) async throws -> String {
    let mount = uniqueName("kv\(version)-")
    try await root.write(
      "sys/mounts/\(mount)", ["type": "kv", "options": options.with([("version", .string("\(version)"))])])
    return mount
  }

  /// A KV v2 engine that holds these secrets.
  func makeKV2(_ secrets: [(path: String, fields: JSON)]) async throws -> String {
    let mount = try await makeEngine(version: 2)
    try await root.writeAll(secrets.map { ("\(mount)/data/\($0.path)", ["data": $0.fields]) })
    return mount
  }

  /// An AppRole whose tokens may read these paths, at an auth mount of its own, so that its logins can be counted.
  func makeAppRole(reading paths: [String], settings: JSON = [:]) async throws -> AppRole {
    try await root.makeAppRole(reading: paths, settings: settings)
  }

  /// A token that may read these paths; the settings are those of `auth/token/create`.
  func makeToken(reading paths: [String], settings: JSON = [:]) async throws -> String {
    let policy = uniqueName("policy-")
    try await root.write("sys/policies/acl/\(policy)", ["policy": .string(readPolicy(paths))])
    return try await root.write("auth/token/create", settings.with([("policies", [.string(policy)])]))
      .auth("client_token")
  }

  func hasLeases(beneath path: String) async throws -> Bool {
    let call = OpenBaoClient.Call(method: "LIST", path: "sys/leases/lookup/\(path)")
    return try await root.send([call]).first?.status == 200
  }

  /// The tokens alive that were made by a login at this path.
  func livingTokens(madeBy loginPath: String) async throws -> Int { try await accessors(madeBy: loginPath).count }

  /// Their accessors, in order.
  func accessors(madeBy loginPath: String) async throws -> [String] {
    let accessors: [String] = try await root.call("LIST", "auth/token/accessors").data("keys")
    let answers = try await root.send(
      accessors.map {
        OpenBaoClient.Call(method: "POST", path: "auth/token/lookup-accessor", body: ["accessor": .string($0)])
      })
    return zip(accessors, answers).filter { (try? $0.1.data("path", as: String.self)) == loginPath }.map(\.0).sorted()
  }

  /// As an operator does who takes tokens for lost.
  func revokeTokens(madeBy loginPath: String) async throws {
    for accessor in try await accessors(madeBy: loginPath) {
      try await root.write("auth/token/revoke-accessor", ["accessor": .string(accessor)])
    }
  }
}

extension OpenBaoClient {
  func makeAppRole(reading paths: [String], settings: JSON = [:]) async throws -> AppRole {
    let mount = uniqueName("approle-")
    try await writeAll([
      ("sys/policies/acl/\(mount)", ["policy": .string(readPolicy(paths))]),
      ("sys/auth/\(mount)", ["type": "approle"]),
      ("auth/\(mount)/role/job", settings.with([("token_policies", .string(mount))])),
    ])
    return AppRole(
      mount: mount,
      roleID: try await read("auth/\(mount)/role/job/role-id").data("role_id"),
      secretID: try await write("auth/\(mount)/role/job/secret-id", [:]).data("secret_id"))
  }
}

func readPolicy(_ paths: [String]) -> String {
  paths.map { "path \"\($0)\" { capabilities = [\"read\"] }" }.joined(separator: "\n")
}

/// A role to log in with, and its credentials.
struct AppRole: Sendable {
  let mount: String
  let roleID: String
  let secretID: String

  var loginPath: String { "auth/\(mount)/login" }

  /// The `auth` block with both credentials by value.
  var auth: JSON {
    [
      "method": "approle", "mount_path": .string(mount), "role_id": .string(roleID), "secret_id": .string(secretID),
    ]
  }
}
