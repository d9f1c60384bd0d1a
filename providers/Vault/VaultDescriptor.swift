import ExecutionModel

extension ProviderDescriptor {
  /// `hashicorp_vault`: HashiCorp Vault and OpenBao, by the API that they share (https://openbao.org/api-docs/).
  static let vault = ProviderDescriptor(
    type: "hashicorp_vault",
    summary: "HashiCorp Vault and OpenBao: KV versions 1 and 2, and leased secrets of other engines",
    connection: [
      FieldDescriptor("address", .address, required: true, "the server, as https://vault.example.com:8200"),
      FieldDescriptor("namespace", .remotePath, "sent as X-Vault-Namespace with every call"),
      FieldDescriptor(
        "tls",
        .object([
          FieldDescriptor("ca_cert", .pem, "CA that signed the server's certificate; default: the system's"),
          FieldDescriptor("client_cert", .pem, "client certificate, with its chain"),
          FieldDescriptor("client_key", .pem, "its private key"),
          FieldDescriptor(
            "skip_verify", .boolean, defaultsTo: "false", "accept any certificate; needs the policy's leave"),
        ]), "transport security"),
    ],
    connectionRules: [.allOrNone(["tls.client_cert", "tls.client_key"])],
    authentication: AuthenticationDescriptor(
      isRequired: true, methods: [.appRole, .kubernetes, .jwt, .staticToken, .tokenFile],
      commonFields: [
        FieldDescriptor(
          "mount_path", .remotePath, defaultsTo: "auth/METHOD", "where the method is mounted, with or without auth/")
      ]),
    lookup: [
      FieldDescriptor("mount", .remotePath, required: true, "where the secrets engine is mounted, as `secret`"),
      FieldDescriptor("secret_path", .remotePath, required: true, "path of the secret below the mount"),
      FieldDescriptor(
        "engine_version", .integer(1...2), defaultsTo: "2", "version of the KV engine; 1 also for engines other than KV"
      ),
      FieldDescriptor("version", .version(.number), "version of the secret; pinned, so never refreshed"),
    ],
    lookupRules: [.onlyWhile(field: "version", other: "engine_version", is: 2, byDefault: true)],
    apiPath: { VaultLookup($0).apiPath.joined(separator: "/") },
    fieldIsRequired: true, pinningFields: ["version"])
}

extension AuthenticationMethod {
  fileprivate static let appRole = AuthenticationMethod(
    "approle", "POST /v1/{mount}/login with role_id and secret_id",
    fields: source("role_id", "the role's id", .text) + source("secret_id", "the secret id"),
    rules: [
      .exactlyOne(["role_id", "role_id_file", "role_id_env"]),
      .exactlyOne(["secret_id", "secret_id_file", "secret_id_env"]),
    ])

  fileprivate static let kubernetes = AuthenticationMethod(
    "kubernetes", "POST /v1/{mount}/login with role and the pod's service account token",
    fields: [
      FieldDescriptor("role", .text, required: true, "the role to log in as"),
      FieldDescriptor(
        "token_file", .file, defaultsTo: VaultLogin.serviceAccountToken,
        "the service account's token, read at each login"),
    ])

  fileprivate static let jwt = AuthenticationMethod(
    "jwt", "POST /v1/{mount}/login with role and a JWT",
    fields: [FieldDescriptor("role", .text, required: true, "the role to log in as")] + source("jwt", "the JWT"),
    rules: [.exactlyOne(["jwt", "jwt_file", "jwt_env"])])

  fileprivate static let staticToken = AuthenticationMethod(
    "static", aliases: ["token"], "a token as it is; GET /v1/auth/token/lookup-self tells how long it lives",
    fields: source("token", "the token"), rules: [.exactlyOne(["token", "token_file", "token_env"])])

  fileprivate static let tokenFile = AuthenticationMethod(
    "file", "a token from a file that somebody else keeps fresh; read at every refresh",
    fields: [FieldDescriptor("path", .file, required: true, "the file that holds the token")])

  /// The three ways to give one credential.
  private static func source(
    _ name: String, _ summary: String, _ kind: FieldDescriptor.Kind = .credential
  ) -> [FieldDescriptor] {
    [
      FieldDescriptor(name, kind, "\(summary), literally"),
      FieldDescriptor("\(name)_file", .file, "a file that holds \(summary); read at each login"),
      FieldDescriptor("\(name)_env", .environmentVariable, "a variable of the agent that holds \(summary)"),
    ]
  }
}
