import ExecutionModel
import JSONReader
import NodePolicy
import ProviderKit
import SecretBytes

/// The five ways to come by a token. Files and variables are read at each login, since they rotate.
struct VaultLogin: Sendable {
  /// Where Kubernetes mounts a pod's token.
  static let serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

  let connection: ProviderConnection
  let api: VaultAPI
  let services: ProviderServices
  let failures: FailureMaker

  private var fields: FieldValues { connection.authentication }

  /// Who logs in, for reports; no credential.
  var identity: String {
    let method = connection.method ?? ""
    guard let role = fields.text("role") else {
      return method
    }
    return "\(method) \(DocumentPath.shown(role))"
  }

  func token() async throws(ProviderFailure) -> VaultToken {
    // A new login is the moment to see rotated certificates too.
    _ = try api.transport.reread()
    switch connection.method {
    case "approle":
      let role = try source("role_id")
      let secret = try source("secret_id")
      return try await logIn(mount: "approle", [("role_id", role), ("secret_id", secret)])
    case "kubernetes":
      let jwt = try file(fields.text("token_file") ?? Self.serviceAccountToken, "auth.token_file")
      return try await logIn(mount: "kubernetes", [("role", role), ("jwt", jwt)])
    case "jwt":
      return try await logIn(mount: "jwt", [("role", role), ("jwt", try source("jwt"))])
    case "file":
      let value = try file(fields.text("path") ?? "", "auth.path")
      return VaultToken(
        value: value, isOwn: false, isBatch: false, isRenewable: false, lifetime: .zero, issuedAt: services.time.now,
        isVerified: false)
    default:
      return try await lookUp(try source("token"))
    }
  }

  private var role: SecretBytes { SecretBytes(fields.text("role") ?? "") }

  /// `mount_path`, with or without `auth/` in front, else the method's default.
  private func mountPath(_ standard: String) -> String {
    let given = fields.text("mount_path") ?? "auth/\(standard)"
    return given.hasPrefix("auth/") ? given : "auth/\(given)"
  }

  private func logIn(
    mount: String, _ credentials: [(String, SecretBytes)]
  ) async throws(ProviderFailure) -> VaultToken {
    var body = JSONWriter()
    body.beginObject()
    for (name, value) in credentials {
      body.name(name)
      body.string(value)
    }
    body.endObject()
    let path = mountPath(mount)
    let call = VaultAPI.Call(
      method: .post, path: [path, "login"], body: body.finish(),
      credentials: credentials.filter { $0.0 != "role" }.map(\.1), repetition: .unlessActedUpon)
    let sentAt = services.time.now
    let answer: VaultAPI.Answer
    do throws(ProviderFailure) {
      answer = try await api.send(call)
    } catch {
      throw explained(error, path)
    }
    guard let token = VaultToken(auth: answer.json?.member("auth"), isOwn: true, at: sentAt) else {
      throw failures.make(.malformed, "the login's answer has no token", status: answer.status)
    }
    return token
  }

  /// A login answered by 400, 403 or 404 tells of the credentials or the mount, not of a secret.
  private func explained(_ failure: ProviderFailure, _ path: String) -> ProviderFailure {
    func denied(_ hint: String) -> ProviderFailure {
      failures.make(
        .denied, "login by \(connection.method ?? "") at \(path): \(failure.message)", status: failure.status,
        hint: hint)
    }
    switch failure.status {
    case 400?, 401?, 403?:
      return denied("check the credentials, the role and auth.mount_path")
    case 404?:
      return denied("nothing is mounted there; check auth.mount_path and the namespace")
    default:
      return failure
    }
  }

  /// Asks the server about a given token. One whose policies do not let it look itself up may be good all the same, so only the
  /// use of it tells.
  private func lookUp(_ value: SecretBytes) async throws(ProviderFailure) -> VaultToken {
    let now = services.time.now
    let call = VaultAPI.Call(path: ["auth/token/lookup-self"], token: value, accepts: [401, 403])
    let answer = try await api.send(call)
    let data = answer.status == 200 ? answer.json?.member("data") : nil
    let seconds = data?.member("ttl")?.int64 ?? 0
    return VaultToken(
      value: value, isOwn: false, isBatch: data?.member("type")?.text == "batch",
      isRenewable: data?.member("renewable")?.boolean ?? false,
      lifetime: seconds > 0 ? .seconds(min(seconds, VaultToken.longestSeconds)) : nil, issuedAt: now,
      isVerified: data != nil)
  }

  // MARK: - Credentials

  /// The credential `name`, from the one of its three sources that the document gives.
  private func source(_ name: String) throws(ProviderFailure) -> SecretBytes {
    if let literal = fields.credential(name) {
      return literal
    }
    if let literal = fields.text(name) {
      return SecretBytes(literal)
    }
    if let path = fields.text("\(name)_file") {
      return try file(path, "auth.\(name)_file")
    }
    let variable = fields.text("\(name)_env") ?? ""
    let value: SecretBytes?
    do throws(PolicyRefusal) {
      value = try services.environment.credential(variable)
    } catch {
      throw failures.refused(error)
    }
    guard let value else {
      throw failures.make(.denied, "auth.\(name)_env: the variable \(variable) is not set, or empty")
    }
    return value.trimmed
  }

  private func file(_ path: String, _ what: String) throws(ProviderFailure) -> SecretBytes {
    let content: SecretBytes
    do throws(NodeFileFault) {
      content = try services.files.credential(path)
    } catch {
      throw failures.file(error, what)
    }
    let credential = content.trimmed
    guard !credential.isEmpty, credential.isValidUTF8 else {
      let fault = credential.isEmpty ? "is empty" : "is not text"
      throw failures.make(.denied, "\(what): \(DocumentPath.shown(path)) \(fault)")
    }
    return credential
  }
}
