import ExecutionModel
import Text

extension NodePolicy {
  /// The rules for an execution that its document describes so.
  public func grant(for subject: ExecutionSubject) -> CredentialGrant {
    CredentialGrant(credentialRules.filter { $0.audience.contains(subject) }.map(\.name))
  }

  /// The same policy, as it is for executions of `grant`.
  public func granting(_ grant: CredentialGrant) -> NodePolicy {
    var policy = self
    policy.grant = grant
    if grant.workload != nil {
      policy.closeNode()
    }
    return policy
  }

  /// Addresses of clouds that the node's variables change for everybody.
  private static let addressVariables = [
    "AZURE_AUTHORITY_HOST", "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER",
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
  ]

  /// A workload that logs in as itself comes to no credential, file or identity of the node's.
  private mutating func closeNode() {
    environment = .matching(Self.addressVariables.filter { environment.allows($0) })
    credentialFiles = .beneath([])
    fileRoots = .beneath([])
    spiffeAudiences = .matching([])
  }

  /// Whether any rule, for whomever it is, says where `credential` may go.
  public func binds(_ credential: NodeCredential) -> Bool {
    credentialRules.contains { $0.names(credential) }
  }

  /// Whether `credential`, or what a login gets for it, may be sent to `url`, as far as credential rules tell.
  ///
  /// - Returns: the rule that lets it through; `nil` where none names the credential.
  /// - Throws: a refusal that names the rules which do.
  @discardableResult
  public func check(_ credential: NodeCredential, sentTo url: HTTPURL) throws(PolicyRefusal) -> CredentialRule? {
    let naming = credentialRules.filter { $0.names(credential) }
    let granted = naming.filter { grant.rules.contains($0.name) }
    if let rule = granted.first(where: { $0.leads(to: url) }) {
      return rule
    }
    // Those that are for the execution have refused it; where there are none, that is why.
    guard let first = granted.first ?? naming.first else {
      return nil
    }
    let others = (granted.isEmpty ? naming : granted).dropFirst().map { ", `\($0.key)`" }.joined()
    let reason = granted.isEmpty ? "for other executions" : "for other addresses"
    throw PolicyRefusal(
      rule: first.key,
      message: "\(credential.shown) may not be sent to \(url.host):\(url.port) "
        + "(\(others.isEmpty ? "rule" : "rules") `\(first.key)`\(others) of \(origin), \(reason))")
  }
}

extension NodeCredential {
  /// In words, for refusals and reports.
  public var shown: String {
    switch self {
    case .file(let path): "the file \(ShownText.clean(path))"
    case .variable(let name): "the variable \(ShownText.clean(name))"
    case .profile(let name): "the profile \(ShownText.clean(name))"
    case .identity(let identity): "the identity \(identity.rawValue)"
    }
  }
}
