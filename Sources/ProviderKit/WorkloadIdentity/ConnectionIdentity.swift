import ExecutionModel
import NodePolicy
import SecretBytes
import Text

/// Tokens by which another issuer vouches for the agent.
extension OpenConnection {
  /// The token, got anew: it rotates. For a workload that logs in as itself, a file stands for the token that its engine brought, since
  /// paths in its document are those of its own file system.
  ///
  /// - Parameter audiences: for which of them that may be, the first that there is.
  public func identityToken(
    _ source: IdentityTokenSource, for audiences: [String]
  ) async throws(ProviderFailure) -> SecretBytes {
    switch source {
    case .given(let credential):
      if isOfWorkload(credential) {
        return try await identityToken(.workload, for: audiences)
      }
      return try self.credential(credential)
    case .workload:
      let tokens = workloadTokens ?? .none
      let token = try workloadToken(tokens.token(forFirstOf: audiences), tokens, audiences)
      withhold(token)
      return token
    case .spiffe(let audience):
      try takeUp(.identity(.spiffe))
      let token = try await SPIFFEWorkloadAPI(connection: self).token(for: audience)
      withhold(token)
      return token
    }
  }

  /// - Throws: where `token` is missing; it says which there are.
  public func workloadToken(
    _ token: SecretBytes?, _ tokens: WorkloadTokenSet, _ audiences: [String]
  ) throws(ProviderFailure) -> SecretBytes {
    guard let token else {
      let there =
        tokens.audiences.isEmpty ? "none" : tokens.audiences.map { ShownText.clean($0) }.joined(separator: ", ")
      throw failures.make(
        .denied,
        "the pod brought no token for \(audiences.map { ShownText.clean($0) }.joined(separator: " or ")); it has: \(there)",
        hint: "add the audience to tokenRequests of the CSIDriver object")
    }
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
