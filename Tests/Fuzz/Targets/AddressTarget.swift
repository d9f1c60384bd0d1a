import NodePolicy
import SecretBytes
import Text

/// Addresses as documents, answers and the environment give them.
struct AddressTarget: FuzzTarget {
  static let name = "Address"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    guard let text = input.unsafeString(), let url = try? HTTPURL(parsing: text) else {
      return false
    }
    try hold((try? HTTPURL(parsing: url.description)) == url, "an address reads back as it is shown: \(url)")
    try hold(url.path.utf8.first == UInt8(ascii: "/"), "a path begins with a slash")
    try hold((1...65535).contains(url.port), "a port is one")
    try hold(!url.host.isEmpty && !url.host.utf8.contains { "/@?#".utf8.contains($0) }, "a host is one")
    return true
  }
}
