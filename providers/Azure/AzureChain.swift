import ExecutionModel
import ProviderKit
import SecretBytes

/// The default order of Azure's SDKs, as far as it makes sense on a node without people
/// (https://learn.microsoft.com/python/api/overview/azure/identity-readme#defaultazurecredential). What is there and fails ends
/// the search: another identity would be a surprise.
struct AzureChain: Sendable {
  /// A credential of the order, by the name that ``AzureVariable/tokenCredentials`` has for it.
  enum Link: String, CaseIterable {
    case environment = "EnvironmentCredential"
    case workloadIdentity = "WorkloadIdentityCredential"
    case managedIdentity = "ManagedIdentityCredential"

    var shown: String {
      switch self {
      case .environment: "environment"
      case .workloadIdentity: "workload identity"
      case .managedIdentity: "managed identity"
      }
    }
  }

  /// What a link comes to.
  private enum Outcome {
    case token(AzureAccessToken)
    /// Why it is not there.
    case absent(String, ProviderFailure.Class = .denied)
  }

  /// Names of the SDKs' that ask for a person at the machine.
  private static let developers = [
    "AzureCliCredential", "AzureDeveloperCliCredential", "AzurePowerShellCredential", "InteractiveBrowserCredential",
    "VisualStudioCodeCredential",
  ]

  /// What the document gives of the identity to come to.
  let clientID: String?
  let credential: AzureCredential

  private var connection: OpenConnection { credential.connection }

  func token(for audience: KeyVaultAudience) async throws(ProviderFailure) -> AzureAccessToken {
    let links = try links()
    var absences: [String] = []
    var kind = ProviderFailure.Class.denied
    for link in links {
      switch try await outcome(of: link, isOnly: links.count == 1, for: audience) {
      case .token(let token): return token
      case .absent(let why, let its):
        absences.append("\(link.shown): \(why)")
        kind = its
      }
    }
    let only = links.count == 1 ? " (\(AzureVariable.tokenCredentials) allows no other)" : ""
    throw connection.failures.make(
      kind, "no Azure identity is there; \(absences.joined(separator: "; "))\(only)",
      hint: "write auth.method with its fields, or assign an identity to the machine")
  }

  /// The links that ``AzureVariable/tokenCredentials`` leaves of the order: a group's, or a single one.
  func links() throws(ProviderFailure) -> [Link] {
    guard let given = setting(AzureVariable.tokenCredentials) else {
      return Link.allCases
    }
    let word = given.lowercased()
    if word == "prod" {
      return Link.allCases
    }
    if let link = Link.allCases.first(where: { $0.rawValue.lowercased() == word }) {
      return [link]
    }
    let known = "prod, " + Link.allCases.map(\.rawValue).joined(separator: ", ")
    let fault =
      if word == "dev" {
        "asks for developers' credentials, which are not there: the agent has none of them"
      } else if let name = Self.developers.first(where: { $0.lowercased() == word }) {
        "asks for \(name), which is not there: the agent does not have it"
      } else {
        "names neither a group nor a credential"
      }
    throw connection.failures.make(
      .denied, "\(AzureVariable.tokenCredentials) \(fault)", hint: "set it to one of \(known), or write auth.method")
  }

  /// Takes up the first credential that is there, as far as that is known without asking anybody.
  func takeUp() throws(ProviderFailure) {
    for link in try links() {
      switch link {
      case .environment where absences(of: Self.principal).isEmpty:
        return try credential.takeUpSecret(Self.secret)
      case .workloadIdentity where absences(of: workload).isEmpty:
        return try credential.takeUpWorkloadIdentity(nil)
      case .managedIdentity:
        return try connection.takeUp(.identity(.azureManagedIdentity))
      case .environment, .workloadIdentity:
        continue
      }
    }
  }

  private static let principal = [AzureVariable.tenantID, AzureVariable.clientID, AzureVariable.clientSecret]
  private static let secret = CredentialSource(.variable(AzureVariable.clientSecret), named: "environment")

  /// The identity that the document names counts here too, as in the SDKs.
  private var workload: [String] {
    [AzureVariable.tenantID] + (clientID == nil ? [AzureVariable.clientID] : []) + [AzureVariable.federatedTokenFile]
  }

  private func outcome(
    of link: Link, isOnly: Bool, for audience: KeyVaultAudience
  ) async throws(ProviderFailure) -> Outcome {
    switch link {
    case .environment: try await environment(for: audience)
    case .workloadIdentity: try await workloadIdentity(for: audience)
    case .managedIdentity: try await managedIdentity(isOnly: isOnly, for: audience)
    }
  }

  private func environment(for audience: KeyVaultAudience) async throws(ProviderFailure) -> Outcome {
    let absences = absences(of: Self.principal)
    guard absences.isEmpty else {
      // Another kind of proof was meant: who looks for it is told that it is not looked at.
      let unread = [AzureVariable.certificatePath, AzureVariable.password].filter { setting($0) != nil }
      return .absent((absences + unread.map { "\($0) is not read" }).joined(separator: ", "))
    }
    let principal = AzureLogin.clientSecret(
      tenant: try credential.text(nil, "tenant_id", AzureVariable.tenantID),
      client: try credential.text(nil, "client_id", AzureVariable.clientID),
      secret: Self.secret)
    return .token(try await credential.token(by: principal, for: audience))
  }

  private func workloadIdentity(for audience: KeyVaultAudience) async throws(ProviderFailure) -> Outcome {
    let absences = absences(of: workload)
    guard absences.isEmpty else {
      return .absent(absences.joined(separator: ", "))
    }
    let login = AzureLogin.workloadIdentity(tenant: nil, client: clientID, token: nil)
    return .token(try await credential.token(by: login, for: audience))
  }

  /// Without one in the document, ``AzureVariable/clientID`` says which user-assigned identity is meant.
  ///
  /// - Parameter isOnly: then silence is no reason to look elsewhere, and the service is waited for.
  private func managedIdentity(isOnly: Bool, for audience: KeyVaultAudience) async throws(ProviderFailure) -> Outcome {
    let variable = clientID == nil ? setting(AzureVariable.clientID) : nil
    let identity = ManagedIdentity(
      clientID: clientID ?? variable, clientIDIsOf: variable == nil ? .document : .environment, connection: connection)
    do throws(ProviderFailure) {
      let isKnown = connection.machineIdentity.isSeen
      let token = try await identity.token(for: audience.resource, probing: !isOnly && !isKnown)
      connection.machineIdentity.see()
      return .token(token)
    } catch {
      // What answered once and is silent now is away.
      let isThere = isOnly || error.status != nil || isNamed || connection.machineIdentity.isSeen
      guard !(error.isRetriable && isThere) else {
        // It may pass: another answer than that nobody is there.
        throw error
      }
      let why = error.status.map { "\(error.message) (status \($0))" } ?? error.message
      let shown = variable.map { _ in "\(why), asked for the identity of \(AzureVariable.clientID)" } ?? why
      return .absent(shown, error.isRetriable ? .denied : error.kind)
    }
  }

  /// Whether the environment says where the machine's identity is served.
  private var isNamed: Bool {
    setting(AzureVariable.metadataHost) != nil || setting(AzureVariable.identityEndpoint) != nil
  }

  private func absences(of variables: [String]) -> [String] {
    variables.compactMap { connection.services.environment.absence(of: $0) }
  }

  /// A variable that steers the search and is no credential; blank is not set.
  private func setting(_ variable: String) -> String? {
    let text = connection.services.environment.setting(variable).flatMap { SecretBytes($0).trimmed.unsafeString() }
    return text.flatMap { $0.isEmpty ? nil : $0 }
  }
}
