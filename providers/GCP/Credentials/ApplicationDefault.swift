import ExecutionModel
import NodePolicy
import ProviderKit
import SecretBytes

/// Finds the credential of a connection: by its `auth.method`, or in the order of application default credentials
/// (https://cloud.google.com/docs/authentication/application-default-credentials). Files are read at each login: they rotate.
struct ApplicationDefault: Sendable {
  static let gcloudFileName = "application_default_credentials.json"

  let method: GCPMethod
  let fields: FieldValues
  let environment: GoogleEnvironment
  let services: ProviderServices
  let failures: FailureMaker
  let metadata: MetadataServer

  func credential() async throws(ProviderFailure) -> GoogleCredential {
    switch method {
    case .serviceAccountKey:
      return try serviceAccount(fields.text("service_account_key_file") ?? "")
    case .file:
      return try read(fields.text("path") ?? "", "auth.path")
    case .metadata:
      return .metadata
    case .workloadIdentity:
      return try workloadIdentity()
    case .standard:
      return try await chain()
    }
  }

  private func serviceAccount(_ path: String) throws(ProviderFailure) -> GoogleCredential {
    let what = "auth.service_account_key_file"
    let credential = try read(path, what)
    guard case .serviceAccount = credential else {
      throw unusable(
        path, what, "is not of type service_account", hint: "name it by auth.path")
    }
    return credential
  }

  private func workloadIdentity() throws(ProviderFailure) -> GoogleCredential {
    let given = fields.text("path")
    guard let path = given ?? environment.text(GoogleVariable.credentials) else {
      // GKE's workload identity is served by its metadata server.
      return .metadata
    }
    let what = given == nil ? GoogleVariable.credentials : "auth.path"
    let credential = try read(path, what)
    switch credential {
    case .externalAccount: return credential
    case .impersonated(let impersonation):
      if case .externalAccount = impersonation.source {
        return credential
      }
    default: break
    }
    throw unusable(path, what, "is not of type external_account", hint: "leave auth.method out for other types")
  }

  private func chain() async throws(ProviderFailure) -> GoogleCredential {
    if let path = environment.text(GoogleVariable.credentials) {
      return try read(path, GoogleVariable.credentials)
    }
    let gcloud = gcloudFile()
    if let path = gcloud.path, let credential = try readIfThere(path) {
      return credential
    }
    if try await metadata.isThere() {
      return .metadata
    }
    throw failures.make(
      .denied,
      "no credential was found: \(environment.absence(GoogleVariable.credentials)), "
        + "\(gcloud.absence), \(metadata.absence)",
      hint: "name a credential file by GOOGLE_APPLICATION_CREDENTIALS, or say auth.method")
  }

  // MARK: - Files

  /// gcloud's well-known file, and why it is not there.
  private func gcloudFile() -> (path: String?, absence: String) {
    if let folder = environment.text(GoogleVariable.gcloudFolder) {
      return ("\(folder)/\(Self.gcloudFileName)", "gcloud's file in \(DocumentPath.shown(folder)) is not there")
    }
    guard let home = environment.text(GoogleVariable.home) else {
      return (nil, environment.absence(GoogleVariable.home))
    }
    return ("\(home)/.config/gcloud/\(Self.gcloudFileName)", "gcloud's file is not there")
  }

  /// `nil` where there is no such file, or the policy keeps the well-known place closed: the chain goes on then.
  private func readIfThere(_ path: String) throws(ProviderFailure) -> GoogleCredential? {
    let content: SecretBytes
    do throws(NodeFileFault) {
      content = try services.files.credential(path)
    } catch {
      switch error.reason {
      case .missing, .notAbsolute, .refused: return nil
      case .notRegular, .tooLarge, .unreadable: throw failures.file(error, "gcloud's credential file")
      }
    }
    return try parse(content, path, "gcloud's credential file")
  }

  private func read(_ path: String, _ what: String) throws(ProviderFailure) -> GoogleCredential {
    let content: SecretBytes
    do throws(NodeFileFault) {
      content = try services.files.credential(path)
    } catch {
      throw failures.file(error, what)
    }
    return try parse(content, path, what)
  }

  private func parse(_ content: SecretBytes, _ path: String, _ what: String) throws(ProviderFailure) -> GoogleCredential
  {
    do throws(CredentialFault) {
      return try CredentialFile.parse(content)
    } catch {
      throw unusable(path, what, error.message)
    }
  }

  private func unusable(_ path: String, _ what: String, _ fault: String, hint: String? = nil) -> ProviderFailure {
    failures.make(.denied, "\(what): \(DocumentPath.shown(path)) \(fault)", hint: hint)
  }
}
