import SecretBytes

/// The path and the query of a request line's target in origin form (RFC 9112 §3.2.1), percent-decoded.
struct RequestTarget: Equatable {
  let path: [String]
  let query: [String: String]

  init(_ text: some Sequence<UInt8>) throws(RequestFault) {
    let text = Array(text)
    guard text.first == UInt8(ascii: "/") else {
      throw .bad("the request's target must begin with /")
    }
    guard text.allSatisfy(Self.isAllowed) else {
      throw .bad("the request's target holds a character that must be percent-encoded")
    }
    let parts = text.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
    var path: [String] = []
    for segment in (parts.first ?? []).split(separator: UInt8(ascii: "/")) {
      let segment = try Self.decode(segment, plusIsSpace: false)
      guard segment != ".", segment != ".." else {
        throw .bad("the request's path holds a dot segment")
      }
      path.append(segment)
    }
    self.path = path
    query = try Self.query(parts.count > 1 ? parts[1] : [])
  }

  private static func query(_ text: ArraySlice<UInt8>) throws(RequestFault) -> [String: String] {
    var query: [String: String] = [:]
    for pair in text.split(separator: UInt8(ascii: "&")) {
      let halves = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      let name = try decode(halves.first ?? [], plusIsSpace: true)
      let value = try decode(halves.count > 1 ? halves[1] : [], plusIsSpace: true)
      guard query.updateValue(value, forKey: name) == nil else {
        throw .bad("the request's query names one thing twice")
      }
    }
    return query
  }

  private static func decode(_ text: ArraySlice<UInt8>, plusIsSpace: Bool) throws(RequestFault) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var rest = text
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal) else {
          throw .bad("the request's target holds a % without two hexadecimal digits")
        }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace:
        bytes.append(UInt8(ascii: " "))
      default:
        bytes.append(byte)
      }
    }
    guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }), let decoded = String(validating: bytes, as: UTF8.self) else {
      throw .bad("the request's target holds control characters or is not UTF-8")
    }
    return decoded
  }

  /// Visible ASCII without what RFC 3986 gives no place in a path or query, and without a fragment.
  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "#"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"),
      UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"):
      false
    default: byte > 0x20 && byte < 0x7f
    }
  }
}

/// The value of a hexadecimal digit.
func hexadecimal(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
