import ExecutionModel
import NodePolicy
import SecretBytes
import Text

/// Tokens by which another issuer vouches for the agent.
extension OpenConnection {
  /// The token, got anew: it rotates. For a workload that logs in as itself, a file stands for the token that its engine brought, since
  /// paths in its document are those of its own file system.
  ///
  /// - Parameters:
  ///   - audiences: for which of them that may be, the first that there is.
  ///   - choosesAudience: whether the store's owner chooses its audience, so that one token that is for no cloud is for it.
  public func identityToken(
    _ source: IdentityTokenSource, for audiences: [String], choosesAudience: Bool = false
  ) async throws(ProviderFailure) -> SecretBytes {
    switch source {
    case .given(let credential) where !isOfWorkload(credential): return try self.credential(credential)
    case .given, .workload: return try workloadToken(for: audiences, choosesAudience: choosesAudience)
    case .spiffe(let audience):
      try takeUp(.identity(.spiffe))
      let token = try await SPIFFEWorkloadAPI(connection: self).token(for: audience)
      withhold(token)
      return token
    }
  }

  /// What the engine of a workload brought along; parameters as ``identityToken(_:for:choosesAudience:)`` has them.
  ///
  /// - Throws: where there is none; it says which there are.
  public func workloadToken(
    for audiences: [String], choosesAudience: Bool = false,
    hint: String = "add the audience to tokenRequests of the CSIDriver object"
  ) throws(ProviderFailure) -> SecretBytes {
    let tokens = workloadTokens ?? .none
    guard let token = tokens.token(forFirstOf: audiences) ?? (choosesAudience ? tokens.onlyOneForNoCloud : nil) else {
      let there = tokens.audiences.map { ShownText.clean($0) }.joined(separator: ", ")
      throw failures.make(
        .denied,
        "the pod brought no token for \(audiences.map { ShownText.clean($0) }.joined(separator: " or ")); "
          + "it has: \(there.isEmpty ? "none" : there)", hint: hint)
    }
    withhold(token)
    return token
  }

  /// Whether the policy lets the token be had; asks nobody.
  public func check(_ source: IdentityTokenSource) throws(ProviderFailure) {
    switch source {
    case .given(let credential):
      if !isOfWorkload(credential) {
        try check(credential)
      }
    case .workload: break
    case .spiffe(let audience):
      try allowed { policy throws(PolicyRefusal) in try policy.check(spiffeAudience: audience) }
      try takeUp(.identity(.spiffe))
    }
  }

  private func isOfWorkload(_ credential: CredentialSource) -> Bool {
    if case .file = credential.origin { workloadTokens != nil } else { false }
  }
}
