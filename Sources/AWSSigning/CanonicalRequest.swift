import HTTPTransport
import SecretBytes
import Text

/// A request in the one form that its signer and AWS both hash
/// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
struct CanonicalRequest {
  /// Lower-case names in order, joined by `;`.
  let signedHeaders: String
  let text: SecretBytes

  /// - Parameter keepsPath: S3 signs the path as it is sent; every other service normalises it and encodes it once more.
  init(method: String, path: String, query: String?, headers: [HTTPHeader], body: SecretBytes?, keepsPath: Bool) {
    let lines = Self.headerLines(headers)
    let names = lines.map(\.name).joined(separator: ";")
    var text = SecretBuffer()
    text.append("\(method)\n\(keepsPath ? path : Self.canonicalPath(path))\n\(Self.canonicalQuery(query ?? ""))\n")
    for line in lines {
      text.append("\(line.name):")
      text.append(line.value)
      text.append("\n")
    }
    text.append("\n\(names)\n\(SHA256.hexDigest(body ?? SecretBytes()))")
    self.signedHeaders = names
    self.text = text.finish()
  }

  // MARK: - Path and query

  /// `path` without empty, `.` and `..` segments (RFC 3986 §5.2.4), and encoded: what is encoded already is so twice.
  static func canonicalPath(_ path: String) -> String {
    var kept: [Substring] = []
    for segment in path.split(separator: "/") {
      switch segment {
      case ".": continue
      case "..": _ = kept.popLast()
      default: kept.append(segment)
      }
    }
    let isFolder = path.hasSuffix("/") && !kept.isEmpty
    return "/" + PercentEncoding.encode(kept.joined(separator: "/"), keeping: "/") + (isFolder ? "/" : "")
  }

  /// Names and values encoded afresh, in the order of their encoded bytes.
  static func canonicalQuery(_ query: String) -> String {
    let pairs = query.split(separator: "&").map { item -> (name: String, value: String) in
      let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (recoded(parts.first ?? ""), parts.count > 1 ? recoded(parts[1]) : "")
    }
    let ordered = pairs.sorted { left, right in
      left.name == right.name
        ? left.value.utf8.lexicographicallyPrecedes(right.value.utf8)
        : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
    }
    return ordered.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
  }

  /// `text` with its percent-encoding taken off and put on again, so that `%7e`, `~` and `%7E` are one.
  private static func recoded(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2)
      if byte == UInt8(ascii: "%"), digits.count == 2, digits.allSatisfy(\.isHexadecimal),
        let decoded = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      {
        bytes.append(decoded)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return PercentEncoding.encode(bytes)
  }

  // MARK: - Headers

  /// One line a name; the values of one that comes several times stay in their order, joined by commas.
  private static func headerLines(_ headers: [HTTPHeader]) -> [(name: String, value: SecretBytes)] {
    var values: [String: [SecretBytes]] = [:]
    for header in headers {
      let name = header.name.lowercased()
      if !unsigned.contains(name) {
        values[name, default: []].append(folded(header.value))
      }
    }
    return values.sorted { $0.key < $1.key }.map { name, values in
      var joined = SecretBuffer()
      for (index, value) in values.enumerated() {
        if index > 0 {
          joined.append(",")
        }
        joined.append(value)
      }
      return (name, joined.finish())
    }
  }

  /// What proxies and libcurl may change on the way.
  private static let unsigned: Set<String> = [
    "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id",
  ]

  /// Without white space at the ends, and with one space for each run of it inside.
  private static func folded(_ value: SecretBytes) -> SecretBytes {
    value.withUnsafeBytes { bytes in
      var folded = SecretBuffer(capacity: bytes.count)
      var owesSpace = false
      for byte in bytes {
        if byte == 0x20 || (0x09...0x0d).contains(byte) {
          owesSpace = folded.count > 0
          continue
        }
        if owesSpace {
          folded.append(UInt8(ascii: " "))
          owesSpace = false
        }
        folded.append(byte)
      }
      return folded.finish()
    }
  }
}
