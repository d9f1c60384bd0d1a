import EventLoop
import JSONReader
import SecretBytes

@testable import AWSProvider
@testable import AWSSigning
@testable import AzureProvider
@testable import GCPProvider
@testable import VaultProvider

/// The answer to a login, as each of the stores would read it.
struct TokenAnswerTarget: FuzzTarget {
  static let name = "TokenAnswer"

  private static let unixTime: Int64 = 1_760_000_000
  private static let now = Moment(nanoseconds: 1_000_000_000_000)

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    guard let json = try? JSONValue.parse(input, limits: .payload) else {
      return false
    }
    _ = (GoogleError(json), VaultLease(json, at: Self.now))
    let isTaken = [try aws(json), try azure(json), try google(json), try vault(json)]
    return isTaken.contains(true)
  }

  private func aws(_ json: JSONValue) throws(BrokenProperty) -> Bool {
    guard let credentials = try? AWSCredentials(json: json, token: "Token") else {
      return false
    }
    try hold(!credentials.accessKeyID.isEmpty && !credentials.secretAccessKey.isEmpty, "keys are whole")
    return true
  }

  private func azure(_ json: JSONValue) throws(BrokenProperty) -> Bool {
    guard let token = try? AzureAccessToken(json, at: Self.now, unixTime: Self.unixTime) else {
      return false
    }
    try hold(canBeSent(token.value), "a token fits into a header")
    try hold((.seconds(1)...(.seconds(AzureAccessToken.longestSeconds))).contains(token.lifetime), "a life has bounds")
    try hold((.zero...token.lifetime).contains(token.renewAfter), "a token is renewed while it lives")
    _ = token.grant
    return true
  }

  private func google(_ json: JSONValue) throws(BrokenProperty) -> Bool {
    let token = GoogleAccessToken(json, issuedAt: Self.now, principal: "somebody", quotaProject: nil)
    guard let token else {
      return false
    }
    try hold(canBeSent(token.value), "a token fits into a header")
    try hold((Self.now...token.end).contains(token.until) && token.renewAt <= token.end, "a token is renewed in time")
    return true
  }

  private func vault(_ json: JSONValue) throws(BrokenProperty) -> Bool {
    guard let token = VaultToken(auth: json.member("auth"), isOwn: true, at: Self.now) else {
      return false
    }
    try hold(!token.value.isEmpty, "a token is something")
    if let expiry = token.expiry, let twoThirds = token.twoThirds {
      try hold((Self.now...expiry).contains(twoThirds), "a token is renewed while it lives")
    }
    _ = token.grant
    return true
  }

  private func canBeSent(_ token: SecretBytes) -> Bool {
    !token.isEmpty && token.withUnsafeBytes { $0.allSatisfy { (0x21...0x7e).contains($0) } }
  }
}

/// Google's credential files, of all four types.
struct GoogleCredentialTarget: FuzzTarget {
  static let name = "GoogleCredential"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    do throws(CredentialFault) {
      _ = try CredentialFile.parse(input)
      return true
    } catch {
      try hold(!error.message.isEmpty, "a refusal says why")
      try hold(error.message.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a fault is one line")
      return false
    }
  }
}
