/// Where a token is from by which another issuer vouches for the agent: what logins by JWT, web identity and federation are given for.
public enum IdentityTokenSource: Sendable, Hashable {
  case given(CredentialSource)
  /// What the engine of a workload brought along for it.
  case workload
  /// A JWT-SVID for this audience, from the node's SPIFFE Workload API; asked for at each login.
  case spiffe(audience: String)

  /// The audience in `auth`, wherever a file with such a token can be named. An extension of ours.
  public static let spiffe = Field<String>(
    "jwt_spiffe", .audience, extension: true,
    "audience of a JWT-SVID, which the node's SPIFFE Workload API is asked for at each login")
}
