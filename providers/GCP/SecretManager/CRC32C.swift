import SecretBytes

/// CRC-32C (Castagnoli, RFC 3720 §B.4), as Secret Manager adds it to payloads.
enum CRC32C {
  static func checksum(_ bytes: SecretBytes) -> UInt32 {
    bytes.withUnsafeBytes { bytes in
      var value = UInt32.max
      for byte in bytes {
        value = table[Int((value ^ UInt32(byte)) & 0xff)] ^ (value >> 8)
      }
      return ~value
    }
  }

  /// The reversed polynomial 0x1EDC6F41, applied to each byte.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? (value >> 1) ^ 0x82f6_3b78 : value >> 1 }
  }
}
