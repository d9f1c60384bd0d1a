import ExecutionModel
import NodePolicy
import SecretBytes

/// Tokens by which another issuer vouches for the agent.
extension OpenConnection {
  /// The token, got anew: it rotates.
  public func identityToken(_ source: IdentityTokenSource) async throws(ProviderFailure) -> SecretBytes {
    switch source {
    case .given(let credential): return try self.credential(credential)
    case .spiffe(let audience):
      try takeUp(.identity(.spiffe))
      let token = try await SPIFFEWorkloadAPI(connection: self).token(for: audience)
      withhold(token)
      return token
    }
  }

  /// Whether the policy lets the token be had; asks nobody.
  public func check(_ source: IdentityTokenSource) throws(ProviderFailure) {
    switch source {
    case .given(let credential): try check(credential)
    case .spiffe(let audience):
      try allowed { policy throws(PolicyRefusal) in try policy.check(spiffeAudience: audience) }
      try takeUp(.identity(.spiffe))
    }
  }
}
