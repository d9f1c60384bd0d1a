import SecretBytes

/// The two messages of `FetchJWTSVID`, and gRPC's frame around each
/// (https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md#6-jwt-svid-profile,
/// https://protobuf.dev/programming-guides/encoding, https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
/// Two fields are no reason for a library of protobuf in the agent.
enum JWTSVIDMessages {
  /// Why an answer is none, in words that follow "the answer".
  struct Fault: Error, Equatable {
    let message: String
  }

  /// A framed `JWTSVIDRequest`: the audience is field 1.
  static func request(audience: String) -> SecretBytes {
    var message = SecretBuffer()
    message.append(0x0a)
    var count = UInt64(audience.utf8.count)
    while count >= 0x80 {
      message.append(UInt8(truncatingIfNeeded: count) | 0x80)
      count >>= 7
    }
    message.append(UInt8(truncatingIfNeeded: count))
    message.append(audience)
    let bytes = message.finish()
    var frame = SecretBuffer(capacity: bytes.count + 5)
    frame.append(0)
    for shift in [24, 16, 8, 0] {
      frame.append(UInt8(truncatingIfNeeded: bytes.count >> shift))
    }
    frame.append(bytes)
    return frame.finish()
  }

  /// The first token of a framed `JWTSVIDResponse`: field 1 of it lists them, and field 2 of each is the token. The first is the one
  /// to use where a workload has several identities.
  static func token(in frame: SecretBytes) throws(Fault) -> SecretBytes {
    guard frame.count >= 5 else {
      throw Fault(message: "has no message")
    }
    let head = frame.slice(0..<5).withUnsafeBytes { Array($0) }
    guard head[0] == 0 else {
      throw Fault(message: "is compressed, which was not asked for")
    }
    let count = head[1...].reduce(0) { $0 << 8 | Int($1) }
    guard count == frame.count - 5 else {
      throw Fault(message: "is not one whole message")
    }
    guard let svid = try field(1, of: frame.slice(5..<frame.count)) else {
      throw Fault(message: "has no JWT-SVID")
    }
    guard let token = try field(2, of: svid), isJWT(token) else {
      throw Fault(message: "has a JWT-SVID without a token")
    }
    return token.detached()
  }

  /// Compact serialization (RFC 7515 §7.1): three parts of base64url.
  private static func isJWT(_ token: SecretBytes) -> Bool {
    token.withUnsafeBytes { bytes in
      bytes.count { $0 == UInt8(ascii: ".") } == 2
        && bytes.allSatisfy { byte in
          UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
            || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || [0x2d, 0x5f, 0x2e].contains(byte)
        }
    }
  }

  // MARK: - Protobuf

  /// The first field `number` of `message`, which is one of a length; the whole message is read, and must be sound.
  private static func field(_ number: UInt64, of message: SecretBytes) throws(Fault) -> SecretBytes? {
    var found: Range<Int>?
    try message.withUnsafeBytes { bytes throws(Fault) in
      var at = 0
      while at < bytes.count {
        let key = try varint(bytes, &at)
        let count: UInt64
        switch key & 7 {
        case 0:
          _ = try varint(bytes, &at)
          count = 0
        case 1: count = 8
        case 2: count = try varint(bytes, &at)
        case 5: count = 4
        default: throw Fault(message: "is not protobuf")
        }
        guard count <= UInt64(bytes.count - at) else {
          throw Fault(message: "is cut off")
        }
        let end = at + Int(count)
        if key & 7 == 2, key >> 3 == number, found == nil {
          found = at..<end
        }
        at = end
      }
    }
    return found.map { message.slice($0) }
  }

  private static func varint(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(Fault) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard at < bytes.count else {
        throw Fault(message: "is cut off")
      }
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 {
        return value
      }
    }
    throw Fault(message: "is not protobuf")
  }
}
