import Glibc

/// Which Host headers (RFC 9110 §7.2) name this machine by what no other machine's name resolves to.
enum LoopbackHost {
  /// True for `localhost`, 127.0.0.0/8 and `[::1]`, with or without a port; `host` is in lower case.
  static func isOne(_ host: String) -> Bool {
    if host.hasPrefix("[::1]") {
      return isPort(host.dropFirst(5))
    }
    let name = host.prefix { $0 != ":" }
    guard isPort(host.dropFirst(name.count)) else {
      return false
    }
    var address = in_addr()
    return name == "localhost"
      || inet_pton(AF_INET, String(name), &address) == 1 && UInt32(bigEndian: address.s_addr) >> 24 == 127
  }

  /// Nothing, or a colon with up to five digits.
  private static func isPort(_ text: Substring) -> Bool {
    let digits = text.dropFirst()
    return text.isEmpty || text.first == ":" && digits.utf8.count <= 5 && digits.allSatisfy { $0 >= "0" && $0 <= "9" }
  }
}
