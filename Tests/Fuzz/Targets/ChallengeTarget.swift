import SecretBytes
import Text

@testable import AzureProvider

/// `WWW-Authenticate` of a vault, and of the Arc agent.
struct ChallengeTarget: FuzzTarget {
  static let name = "Challenge"

  private let vault: HTTPURL

  init() throws {
    vault = try HTTPURL(parsing: "https://shop.vault.azure.net")
  }

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    guard let header = input.unsafeString() else {
      return false
    }
    let realm = ArcIdentity.realm(header)
    guard let challenge = KeyVaultChallenge(header) else {
      return realm != nil
    }
    try hold(realm == nil, "no challenge is of two kinds")
    if let audience = KeyVaultAudience(challenge, of: vault) {
      let resource = (try? HTTPURL(parsing: audience.resource))?.origin
      try hold(resource == "https://vault.azure.net", "a vault gets tokens for vaults of its cloud only")
    }
    return true
  }
}
