import Glibc

/// Literal addresses that only this link reaches: 169.254.0.0/16 (RFC 3927), fe80::/10 (RFC 4291), and AWS's own services for
/// instances, fd00:ec2::/32. An IPv6 address that stands for an IPv4 address counts as that. Names that resolve to them are refused by
/// the transport's address rule, which judges alike (`is_allowed` of CLibcurl).
enum LinkLocalHost {
  static func contains(_ host: String) -> Bool {
    var name = host.lowercased()
    if name.hasPrefix("["), name.hasSuffix("]") {
      name = String(name.dropFirst().dropLast())
    }
    guard name.contains(":") else {
      return name.hasPrefix("169.254.")
    }
    guard let bytes = bytes(ofIPv6: String(name.prefix { $0 != "%" })) else {
      return false
    }
    let isOfLink = bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80
    return isOfLink || bytes.starts(with: [0xfd, 0x00, 0x0e, 0xc2]) || embedded(bytes).elementsEqual([169, 254])
  }

  /// The first half of the IPv4 address that `bytes` stand for: mapped and compatible (RFC 4291), behind NAT64 (RFC 6052, RFC 8215),
  /// behind 6to4 (RFC 3056).
  private static func embedded(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
    let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && [[0, 0], [0xff, 0xff]].contains(Array(bytes[10..<12]))
    if isMapped || bytes.starts(with: [0, 0x64, 0xff, 0x9b]) {
      return bytes[12..<14]
    }
    return bytes.starts(with: [0x20, 0x02]) ? bytes[2..<4] : []
  }

  private static func bytes(ofIPv6 text: String) -> [UInt8]? {
    var address = in6_addr()
    guard inet_pton(AF_INET6, text, &address) == 1 else {
      return nil
    }
    return withUnsafeBytes(of: address) { Array($0) }
  }
}
