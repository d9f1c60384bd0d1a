import Foundation
import TestSupport

/// A certificate authority and what it signed, made by the `openssl` command.
struct Certificates: Sendable {
  /// Paths of PEM files.
  struct Pair: Sendable {
    let certificate: String
    let key: String
  }

  let authority: Pair
  /// An authority that signed nothing here.
  let stranger: Pair
  let server: Pair
  let expired: Pair
  let client: Pair
  /// A client certificate of the strange authority.
  let strangeClient: Pair

  init(folder: ScratchFolder) async throws {
    authority = try await Self.authority("authority", in: folder)
    stranger = try await Self.authority("stranger", in: folder)
    server = try await Self.signed("server", by: authority, days: 2, in: folder)
    expired = try await Self.signed("expired", by: authority, days: -1, in: folder)
    client = try await Self.signed("client", by: authority, days: 2, in: folder)
    strangeClient = try await Self.signed("strange-client", by: stranger, days: 2, in: folder)
  }

  private static func pair(_ name: String, in folder: ScratchFolder) -> Pair {
    Pair(certificate: folder.file("\(name).pem").path, key: folder.file("\(name)-key.pem").path)
  }

  private static func authority(_ name: String, in folder: ScratchFolder) async throws -> Pair {
    let pair = pair(name, in: folder)
    try await tool(
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
      "-subj", "/CN=\(name)", "-keyout", pair.key, "-out", pair.certificate, folder: folder)
    return pair
  }

  private static func signed(
    _ name: String, by authority: Pair, days: Int, in folder: ScratchFolder
  ) async throws -> Pair {
    let pair = pair(name, in: folder)
    let request = folder.file("\(name).csr").path
    try await tool(
      "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)",
      "-addext", "subjectAltName=DNS:localhost", "-keyout", pair.key, "-out", request, folder: folder)
    try await tool(
      "openssl", "x509", "-req", "-in", request, "-CA", authority.certificate, "-CAkey", authority.key,
      "-copy_extensions", "copy", "-days", "\(days)", "-set_serial", "\(UInt32.random(in: 1...UInt32.max))",
      "-out", pair.certificate, folder: folder)
    return pair
  }
}
