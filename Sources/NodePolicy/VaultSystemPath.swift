import Text

/// Paths where Vault and OpenBao serve themselves and not a secrets engine: their answers hold tokens, accessors, policies, wrapped
/// credentials (https://openbao.org/api-docs/auth/token/#lookup-a-token-self, https://openbao.org/docs/secrets/cubbyhole/).
enum VaultSystemPath {
  private static let roots: Set<String> = ["auth", "sys", "identity", "cubbyhole"]

  /// Whether `path`, below `/v1/`, is one of them, also below namespaces (`team/auth/token/…`) and in other letters.
  ///
  /// A KV path may hold a folder called `sys`; one called `auth/token` or the like is refused as well, since a namespace before it
  /// cannot be told from a mount.
  static func contains(_ path: String) -> Bool {
    let segments = path.lowercased().pathSegments().map { decoded(String($0)) }
    guard let first = segments.first else {
      return false
    }
    if roots.contains(first) {
      return true
    }
    return zip(segments, segments.dropFirst()).contains { one, next in
      switch one {
      case "auth": next == "token"
      case "sys": ["wrapping", "leases", "policies", "policy", "auth", "mounts", "internal", "raw"].contains(next)
      case "identity": next == "oidc"
      default: false
      }
    }
  }

  /// Without percent-encoding, however often it was applied: servers and proxies take it off.
  private static func decoded(_ segment: String) -> String {
    var text = segment
    while let mark = text.firstIndex(of: "%") {
      let digits = text[text.index(after: mark)...].prefix(2)
      guard digits.count == 2, let byte = UInt8(digits, radix: 16) else {
        break
      }
      text.replaceSubrange(mark..<digits.endIndex, with: String(UnicodeScalar(byte)))
    }
    return text.lowercased()
  }
}
