import ExecutionModel
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// The `auth` block: one of five ways to come by a token.
struct VaultLogin: Sendable {
  enum Method: Sendable {
    case appRole(roleID: CredentialSource, secretID: CredentialSource)
    case kubernetes(role: String, token: IdentityTokenSource)
    case jwt(role: String, token: IdentityTokenSource)
    case given(CredentialSource)
    /// A file that somebody else keeps fresh.
    case tokenFile(CredentialSource)

    var name: String {
      switch self {
      case .appRole: "approle"
      case .kubernetes: "kubernetes"
      case .jwt: "jwt"
      case .given: "static"
      case .tokenFile: "file"
      }
    }
  }

  /// Where Kubernetes mounts a pod's token.
  static let serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

  private static let roleID = CredentialField("role_id", "the role's id", isSecret: false)
  private static let secretID = CredentialField("secret_id", "the secret id")
  private static let role = Field<String>("role", .text, required: true, "the role to log in as")
  private static let podToken = Field<String>(
    "token_file", .identityFile, defaultsTo: serviceAccountToken, "the service account's token, read at each login")
  private static let jwt = CredentialField("jwt", "the JWT", isIdentity: true)
  private static let token = CredentialField("token", "the token")
  private static let path = Field<String>("path", .file, required: true, "the file that holds the token")
  private static let mountPath = Field<String>(
    "mount_path", .remotePath, defaultsTo: "auth/METHOD", "where the method is mounted, with or without auth/")

  static let declaration = Authentication<Method>(
    isRequired: true,
    methods: [
      LoginMethod(
        "approle", "POST /v1/{mount}/login with role_id and secret_id",
        fields: roleID.descriptors + secretID.descriptors, rules: [roleID.rule, secretID.rule]
      ) { values throws(FieldFault) in
        .appRole(roleID: try roleID.source(in: values), secretID: try secretID.source(in: values))
      },
      LoginMethod(
        "kubernetes", "POST /v1/{mount}/login with role and the pod's service account token",
        fields: [role.descriptor, podToken.descriptor]
      ) { values throws(FieldFault) in
        .kubernetes(
          role: try values.required(role),
          token: .given(.init(.file(values[podToken] ?? serviceAccountToken), named: "auth.token_file")))
      },
      LoginMethod(
        "jwt", "POST /v1/{mount}/login with role and a JWT",
        fields: [role.descriptor] + jwt.descriptors + [IdentityTokenSource.spiffe.descriptor],
        rules: [.exactlyOne(jwt.descriptors.map(\.name) + [IdentityTokenSource.spiffe.descriptor.name])]
      ) { values throws(FieldFault) in
        if let audience = values[IdentityTokenSource.spiffe] {
          return .jwt(role: try values.required(role), token: .spiffe(audience: audience))
        }
        return .jwt(role: try values.required(role), token: .given(try jwt.source(in: values)))
      },
      LoginMethod(
        "static", aliases: ["token"],
        "a token as it is; the daemon asks GET /v1/auth/token/lookup-self how long it lives", fields: token.descriptors,
        rules: [token.rule]
      ) { values throws(FieldFault) in .given(try token.source(in: values)) },
      LoginMethod(
        "file", "a token from a file that somebody else keeps fresh; read at every refresh",
        fields: [path.descriptor]
      ) { values throws(FieldFault) in
        .tokenFile(.init(.file(try values.required(path)), named: "auth.path"))
      },
    ],
    commonFields: [mountPath.descriptor])

  let method: Method
  /// Where the method is mounted, with `auth/`.
  let mount: String
  /// Who logs in, for reports; no credential.
  let identity: String

  init(_ values: ConnectionValues) throws(FieldFault) {
    method = try Self.declaration.login(of: values)
    let given = values.authentication[Self.mountPath] ?? "auth/\(method.name)"
    mount = given.hasPrefix("auth/") ? given : "auth/\(given)"
    identity =
      switch method {
      case .kubernetes(let role, _), .jwt(let role, _): "\(method.name) \(ShownText.clean(role))"
      case .appRole, .given, .tokenFile: method.name
      }
  }

  func token(_ api: VaultAPI) async throws(ProviderFailure) -> VaultToken {
    // A new login is the moment to see rotated certificates too.
    try api.rereadTLS()
    let connection = api.connection
    switch method {
    case .appRole(let roleID, let secretID):
      let proofs = [
        ("role_id", try connection.credential(roleID)), ("secret_id", try connection.credential(secretID)),
      ]
      return try await logIn(api, proofs, .usesUp("a secret id that is good for one login"))
    case .kubernetes(let role, let source), .jwt(let role, let source):
      return try await logIn(
        api,
        [
          ("role", SecretBytes(role)),
          (
            "jwt",
            try await connection.identityToken(
              source, for: ["vault", "openbao", api.origin], choosesAudience: true)
          ),
        ])
    case .given(let source):
      return .given(try connection.credential(source), at: connection.services.time.now)
    case .tokenFile(let source):
      return VaultToken(
        value: try connection.credential(source), isOwn: false, isBatch: false, isRenewable: false, lifetime: .zero,
        issuedAt: connection.services.time.now, isVerified: false)
    }
  }

  private func logIn(
    _ api: VaultAPI, _ fields: [(String, SecretBytes)], _ repetition: CallRepetition = .idempotent
  ) async throws(ProviderFailure) -> VaultToken {
    var body = JSONWriter()
    body.beginObject()
    for (name, value) in fields {
      body.name(name)
      body.string(value)
    }
    body.endObject()
    let call = VaultAPI.Call(method: .post, path: "\(mount)/login", body: body.finish(), repetition: repetition)
    let sentAt = api.connection.services.time.now
    let answer: VaultAPI.Answer
    do throws(ProviderFailure) {
      answer = try await api.send(call)
    } catch {
      throw explained(error).named(name(at: api))
    }
    guard let token = VaultToken(auth: answer.json?.member("auth"), isOwn: true, at: sentAt) else {
      throw api.errors.incomplete("token", nil).named(name(at: api))
    }
    return token
  }

  /// As `approle login at https://vault:8200`: whoever waits for a login asked for something else.
  private func name(at api: VaultAPI) -> String { "\(method.name) login at \(api.origin)" }

  /// A login answered by 400, 403 or 404 tells of the credentials or the mount, not of a secret.
  private func explained(_ failure: ProviderFailure) -> ProviderFailure {
    guard failure.source == .service else {
      return failure
    }
    let hint: String
    switch failure.status {
    case 400?, 401?, 403?: hint = "check the credentials, the role and auth.mount_path (\(mount))"
    case 404?: hint = "nothing is mounted at \(mount); check auth.mount_path and the namespace"
    default: return failure
    }
    return ProviderFailure(
      .denied, connection: failure.connection, status: failure.status, failure.message, hint: hint)
  }

  /// Whether the place of a given token has another one by now.
  func hasReplaced(_ token: VaultToken, _ connection: OpenConnection) -> Bool {
    switch method {
    case .given(let source), .tokenFile(let source):
      (try? connection.credential(source)).map { $0 != token.value } ?? false
    case .appRole, .kubernetes, .jwt: false
    }
  }
}
