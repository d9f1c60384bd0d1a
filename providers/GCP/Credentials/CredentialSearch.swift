import ExecutionModel
import NodePolicy
import ProviderKit
import SecretBytes
import Text

/// Finds the credential of a login: by its method, or in the order of application default credentials
/// (https://cloud.google.com/docs/authentication/application-default-credentials). Files are read at each login: they rotate.
struct CredentialSearch: Sendable {
  let connection: OpenConnection

  func credential(of source: GoogleLogin.Source) async throws(ProviderFailure) -> GoogleCredential {
    switch source {
    case .workloadIdentity(nil, _) where connection.workloadTokens != nil,
      .standard where connection.workloadTokens != nil:
      return try ofWorkload()
    case .serviceAccountKey(let path):
      let name = "auth.service_account_key_file"
      let credential = try read(path, named: name)
      guard case .serviceAccount = credential else {
        throw unusable(path, name, "is not of type service_account", hint: "name it by auth.path")
      }
      return credential
    case .credentialFile(let path):
      return try read(path, named: "auth.path")
    case .metadata:
      return .metadata
    case .workloadIdentity(let given, let token):
      guard let path = given ?? connection.text(of: GoogleVariable.credentials) else {
        guard token == nil else {
          throw connection.failures.make(
            .denied, "auth.jwt_spiffe: no configuration says what the token is exchanged for",
            hint: "name a file of type external_account by auth.path or \(GoogleVariable.credentials)")
        }
        // GKE's workload identity is served by its metadata server.
        return .metadata
      }
      let name = given == nil ? GoogleVariable.credentials : "auth.path"
      let credential = try read(path, named: name)
      guard credential.isFederated else {
        throw unusable(path, name, "is not of type external_account", hint: "leave auth.method out for other types")
      }
      return token.flatMap { credential.vouchedFor(by: $0) } ?? credential
    case .standard:
      return try await chain()
    }
  }

  /// A pod's own, exchanged at the pool whose audience one of its tokens has.
  private func ofWorkload() throws(ProviderFailure) -> GoogleCredential {
    let tokens = connection.workloadTokens
    let prefix = "//iam.googleapis.com/projects/"
    let audiences = tokens?.audiences ?? []
    guard let audience = audiences.first(where: { $0.hasPrefix(prefix) || $0.hasPrefix("https:" + prefix) }) else {
      throw connection.failures.make(
        .denied, "the pod brought no token for a workload identity pool",
        hint: "add the provider's https://iam.googleapis.com/projects/… to tokenRequests of the CSIDriver object")
    }
    let pool = audience.hasPrefix("https:") ? String(audience.dropFirst(6)) : audience
    do throws(CredentialFault) {
      return .externalAccount(try ExternalAccount(ofPodIn: pool))
    } catch {
      throw connection.failures.make(.denied, "the pod's token \(error.message)")
    }
  }

  private func chain() async throws(ProviderFailure) -> GoogleCredential {
    if let path = connection.text(of: GoogleVariable.credentials) {
      return try read(path, named: GoogleVariable.credentials)
    }
    let folder = gcloudFolder
    if let folder, let credential = try readIfThere("\(folder)/application_default_credentials.json") {
      return credential
    }
    let metadata = MetadataServer(connection: connection)
    try connection.takeUp(.identity(.gcpMetadata))
    // What answered once and is silent now is away.
    var isThere = connection.machineIdentity.isSeen
    if !isThere {
      isThere = try await metadata.isThere()
    }
    if isThere {
      connection.machineIdentity.see()
      return .metadata
    }
    let environment = connection.services.environment
    let gcloudAbsence =
      if let given = connection.text(of: GoogleVariable.gcloudFolder) {
        "gcloud's file in \(ShownText.clean(given)) is not there"
      } else {
        folder == nil ? environment.absence(of: GoogleVariable.home) : "gcloud's file is not there"
      }
    let absences = [environment.absence(of: GoogleVariable.credentials), gcloudAbsence, metadata.absence]
    throw connection.failures.make(
      .denied, "no credential was found: \(absences.compactMap { $0 }.joined(separator: ", "))",
      hint: "name a credential file by GOOGLE_APPLICATION_CREDENTIALS, or say auth.method")
  }

  // MARK: - Files

  /// Where gcloud keeps its well-known file.
  private var gcloudFolder: String? {
    connection.text(of: GoogleVariable.gcloudFolder)
      ?? connection.text(of: GoogleVariable.home).map { "\($0)/.config/gcloud" }
  }

  /// `nil` where there is no such file, or the policy keeps the well-known place closed: the chain goes on then.
  private func readIfThere(_ path: String) throws(ProviderFailure) -> GoogleCredential? {
    let name = "gcloud's credential file"
    let content: SecretBytes
    do throws(NodeFileFault) {
      content = try connection.services.files.credential(path)
    } catch {
      switch error.reason {
      case .missing, .notAbsolute, .refused: return nil
      case .notRegular, .tooLarge, .unreadable: throw connection.failures.file(error, name)
      }
    }
    try connection.takeUp(.file(path))
    return try parse(content, path, name)
  }

  private func read(_ path: String, named name: String) throws(ProviderFailure) -> GoogleCredential {
    try parse(try connection.content(ofCredentialFile: path, named: name), path, name)
  }

  private func parse(_ content: SecretBytes, _ path: String, _ name: String) throws(ProviderFailure) -> GoogleCredential
  {
    do throws(CredentialFault) {
      return try CredentialFile.parse(content)
    } catch {
      throw unusable(path, name, error.message)
    }
  }

  private func unusable(_ path: String, _ name: String, _ fault: String, hint: String? = nil) -> ProviderFailure {
    connection.failures.make(.denied, "\(name): \(ShownText.clean(path)) \(fault)", hint: hint)
  }
}
