import JSONReader

/// The keys of the one `auth` struct, and the methods of each type with the keys that they read; written down from SCHEMA and
/// PROVIDERS, on purpose not made from the descriptors.
enum AuthenticationTable {
  /// Every key of the struct with a value that each reader takes, but for `method`.
  static let keys: [(name: String, good: JSONTree)] = [
    ("role_id", "id-1"), ("role_id_file", "/run/role"), ("role_id_env", "ROLE_ID"),
    ("secret_id", "s-1"), ("secret_id_file", "/run/secret"), ("secret_id_env", "SECRET_ID"),
    ("role", SchemaTable.roleARN), ("jwt", "a.b.c"), ("jwt_file", "/run/jwt"), ("jwt_env", "JWT"),
    ("token", "t-1"), ("token_env", "TOKEN"), ("token_file", "/run/token"), ("path", "/run/credentials"),
    ("mount_path", "auth/other"), ("access_key_id", "AKIAEXAMPLE"), ("secret_access_key", "k-1"),
    ("client_id", "c-1"), ("tenant_id", "t-1"), ("client_secret_env", "CLIENT_SECRET"),
    ("managed_identity_client_id", "m-1"), ("service_account_key_file", "/run/key.json"),
    ("impersonate_service_account", "web@shop-1.iam.gserviceaccount.com"),
  ]

  static func good(_ key: String) -> JSONTree { keys.first { $0.name == key }?.good ?? .null }

  struct Method: Sendable, CustomStringConvertible {
    let type: String
    let name: String
    /// Required keys.
    var required: [String] = []
    /// Sets of keys, each with exactly one of them to be given.
    var sources: [[String]] = []
    var optional: [String] = []
    /// Whether the document may leave `method` out where it has the required keys.
    var isInferred = true
    /// Keys of which no document of ours says whether the method reads them.
    var undecided: [String] = []

    var description: String { "\(type) \(name)" }

    /// Each way to give what it requires.
    var choices: [[String]] {
      sources.reduce([required]) { choices, source in choices.flatMap { choice in source.map { choice + [$0] } } }
    }

    var read: [String] { required + sources.flatMap(\.self) + optional }

    /// A document whose `auth` has `keys`, with `method` where `isNamed`.
    func document(_ keys: [String], isNamed: Bool) -> SchemaDocument {
      var document = SchemaTable.minimal(type)
      document[.authentication, "token_env"] = nil
      if isNamed {
        document[.authentication, "method"] = .string(name)
      }
      for key in keys {
        document[.authentication, key] = good(key)
      }
      return document
    }
  }

  private static func triple(_ name: String) -> [String] { [name, "\(name)_file", "\(name)_env"] }

  private static let vault: [Method] = [
    Method(
      type: SchemaTable.vault, name: "approle", sources: [triple("role_id"), triple("secret_id")],
      optional: ["mount_path"]),
    Method(
      type: SchemaTable.vault, name: "kubernetes", required: ["role"], optional: ["token_file", "mount_path"]),
    Method(
      type: SchemaTable.vault, name: "jwt", required: ["role"], sources: [triple("jwt")], optional: ["mount_path"]),
    Method(type: SchemaTable.vault, name: "static", sources: [triple("token")], undecided: ["mount_path"]),
    Method(type: SchemaTable.vault, name: "file", required: ["path"], undecided: ["mount_path"]),
  ]

  private static let aws: [Method] = SchemaTable.aws.flatMap { type in
    [
      Method(type: type, name: "static", required: ["access_key_id", "secret_access_key"]),
      Method(type: type, name: "profile", optional: ["path"], isInferred: false),
      Method(type: type, name: "web_identity", optional: ["role", "token_file"], isInferred: false),
      Method(type: type, name: "container", isInferred: false),
      Method(type: type, name: "instance_metadata", isInferred: false),
      Method(type: type, name: "default", isInferred: false),
    ]
  }

  private static let gcp: [Method] = [
    Method(
      type: SchemaTable.gcp, name: "service_account_key", required: ["service_account_key_file"],
      optional: ["impersonate_service_account"]),
    Method(
      type: SchemaTable.gcp, name: "metadata", optional: ["impersonate_service_account"], isInferred: false),
    Method(
      type: SchemaTable.gcp, name: "workload_identity", optional: ["impersonate_service_account"], isInferred: false,
      undecided: ["path"]),
    Method(type: SchemaTable.gcp, name: "default", optional: ["impersonate_service_account"], isInferred: false),
  ]

  private static let azure: [Method] = [
    Method(
      type: SchemaTable.azure, name: "client_secret", required: ["tenant_id", "client_id", "client_secret_env"]),
    Method(
      type: SchemaTable.azure, name: "managed_identity", optional: ["managed_identity_client_id"], isInferred: false),
    Method(
      type: SchemaTable.azure, name: "workload_identity", optional: ["tenant_id", "client_id", "token_file"],
      isInferred: false),
    Method(
      type: SchemaTable.azure, name: "default", isInferred: false, undecided: ["managed_identity_client_id"]),
  ]

  static let methods = vault + aws + gcp + azure
}
