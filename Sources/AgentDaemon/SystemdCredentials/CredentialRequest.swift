import Glibc
import SecretBytes
import Text

/// What systemd asks for when it loads a credential from a socket. It sends nothing: the question is the address that it connects
/// from, `\0` `RANDOM/unit/UNIT/ID` in the abstract name space (systemd.exec(5), LoadCredential=; `load_credential` of exec-credential.c).
/// Whoever may connect may choose such an address, so it counts only together with who the peer is.
struct CredentialRequest: Sendable, Equatable {
  /// As `web.service`.
  let unit: String
  let credential: String

  /// - Parameter address: `sun_path` of the peer, as long as the kernel says that it is.
  /// - Returns: `nil` where it is none of a unit's credential.
  init?(address: [UInt8]) {
    guard address.first == 0 else {
      return nil
    }
    let parts = address.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count == 4, !parts[0].isEmpty, parts[1].elementsEqual("unit".utf8),
      let unit = Self.name(parts[2]), let credential = Self.name(parts[3])
    else {
      return nil
    }
    self.unit = unit
    self.credential = credential
  }

  /// Text of one line that is not empty.
  private static func name(_ bytes: ArraySlice<UInt8>) -> String? {
    guard !bytes.isEmpty, bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
      return nil
    }
    return bytes.withUnsafeBytes { UTF8Check.isValid($0) } ? String(decoding: bytes, as: UTF8.self) : nil
  }

  /// An address for people: `@` stands for the zero byte that an abstract one begins with, as in ss(8).
  static func shown(_ address: [UInt8]?) -> String {
    guard let address, let first = address.first else {
      return "none"
    }
    // A path comes with the zero byte that ends it.
    let name = first == 0 ? address.dropFirst() : address.prefix { $0 != 0 }
    return (first == 0 ? "@" : "") + ShownText.clean(String(decoding: name, as: UTF8.self))
  }

  /// The address that the peer of `connection` is bound to; `nil` where it has none.
  static func peerAddress(of connection: Int32) -> [UInt8]? {
    var address = sockaddr_un()
    var length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(connection, $0, &length) }
    }
    let path = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 0
    let count = min(Int(length), MemoryLayout<sockaddr_un>.size) - path
    guard result == 0, count > 0 else {
      return nil
    }
    return withUnsafeBytes(of: address) { Array($0.dropFirst(path).prefix(count)) }
  }
}
