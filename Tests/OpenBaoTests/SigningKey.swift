import Foundation
import TestSupport

/// An RSA key that signs JSON Web Tokens with RS256, by the `openssl` command.
struct SigningKey: Sendable {
  /// PEM, as OpenBao takes it in `jwt_validation_pubkeys`.
  let publicKey: String
  /// PEM, private.
  let file: String
  private let folder: ScratchFolder

  init(folder: ScratchFolder) async throws {
    self.folder = folder
    file = folder.file("signing-key.pem").path
    try await tool(
      "openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", file, folder: folder)
    publicKey = String(
      decoding: try await tool("openssl", "pkey", "-in", file, "-pubout", folder: folder), as: UTF8.self)
  }

  func sign(_ claims: JSON) async throws -> String {
    let header: JSON = ["alg": "RS256", "typ": "JWT"]
    let signed = "\(base64URL(Data(header.text.utf8))).\(base64URL(Data(claims.text.utf8)))"
    let input = folder.fresh("to-sign").path
    try Data(signed.utf8).write(to: URL(fileURLWithPath: input))
    let signature = try await tool("openssl", "dgst", "-sha256", "-sign", file, input, folder: folder)
    return "\(signed).\(base64URL(signature))"
  }

  private func base64URL(_ data: Data) -> String {
    data.base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
      .replacingOccurrences(of: "=", with: "")
  }
}

/// Seconds since 1970, this far from now, as a claim.
func claimTime(inSeconds seconds: Int) -> JSON {
  .literal("\(Int(Date().timeIntervalSince1970) + seconds)")
}
