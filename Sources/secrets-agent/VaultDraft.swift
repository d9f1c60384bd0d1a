import ExecutionModel
import NodePolicy
import SecretBytes
import Text

/// A document of one Vault connection and of entries that read its secrets, as a person would write it. It holds names only.
struct VaultDraft {
  /// Where the token is taken from, which is never written down itself.
  enum Token {
    case variable(String)
    case file(String)
  }

  /// One path of a mount.
  struct Place {
    let mount: String
    let path: String
    let engineVersion: Int
  }

  struct Entry {
    let name: String
    let place: Place
    let field: String
  }

  let address: String
  let namespace: String?
  let authority: String?
  let token: Token
  private(set) var entries: [Entry] = []

  init(address: String, namespace: String?, authority: String?, token: Token) {
    self.address = address
    self.namespace = namespace
    self.authority = authority
    self.token = token
  }

  /// Adds an entry for each field, under a name made of `prefix` and the field's; without a prefix it is the path's last part:
  /// `web/db` and `password` give `DB_PASSWORD`.
  mutating func add(_ place: Place, fields: [String], prefix: String?) {
    let prefix = prefix ?? (place.path.split(separator: "/").last.map(String.init) ?? place.mount) + "_"
    for field in fields {
      entries.append(Entry(name: freeName(prefix + field), place: place, field: field))
    }
  }

  /// The same connection with no entry but one that reads `place`. Its field is not taken out, since a fetch gives the whole value.
  func reading(_ place: Place) -> VaultDraft {
    var draft = VaultDraft(address: address, namespace: namespace, authority: authority, token: token)
    draft.entries = [Entry(name: "ANY", place: place, field: "any")]
    return draft
  }

  // MARK: - Names

  private func freeName(_ text: String) -> String {
    var name = Self.variable(text)
    if DangerousName.contains(name) {
      name = "SECRET_\(name)"
    }
    let taken = Set(entries.map(\.name))
    var free = name
    var number = 2
    while taken.contains(free) {
      free = "\(name)_\(number)"
      number += 1
    }
    return free
  }

  /// What a shell accepts as a variable's name, as like `text` as it can be.
  private static func variable(_ text: String) -> String {
    let letters = text.uppercased().utf8.prefix(200).map { $0.isAlphanumeric ? Character(Unicode.Scalar($0)) : "_" }
    let name = String(letters)
    return SecretName.isEnvironmentName(name) ? name : "_\(name)"
  }

  // MARK: - YAML

  var text: String {
    var lines = [
      "secret_providers:", "  vault:", "    provider: hashicorp_vault", "    address: \(Self.scalar(address))",
    ]
    if let namespace {
      lines.append("    namespace: \(Self.scalar(namespace))")
    }
    if let authority {
      lines += ["    tls:", "      ca_cert: \(Self.scalar(authority))"]
    }
    lines.append("    auth:")
    switch token {
    case .variable(let name): lines.append("      token_env: \(Self.scalar(name))")
    case .file(let path): lines.append("      token_file: \(Self.scalar(path))")
    }
    lines.append("secrets:")
    for entry in entries {
      lines += [
        "  \(Self.scalar(entry.name)):", "    from: vault", "    mount: \(Self.scalar(entry.place.mount))",
        "    secret_path: \(Self.scalar(entry.place.path))",
      ]
      if entry.place.engineVersion != 2 {
        lines.append("    engine_version: \(entry.place.engineVersion)")
      }
      lines.append("    field: \(Self.scalar(entry.field))")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Plain where nobody reads it as anything but this text, else between double quotes (YAML 1.2.2 §5.7, §7.3.1).
  private static func scalar(_ text: String) -> String {
    isPlain(text) ? text : "\"\(text.unicodeScalars.map(escaped).joined())\""
  }

  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.utf8.first, first.isLetter || first == UInt8(ascii: "/"),
      text.utf8.last != UInt8(ascii: ":"),
      !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
    else {
      return false
    }
    return text.utf8.allSatisfy { $0.isAlphanumeric || "/:._-".utf8.contains($0) }
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\"": return "\\\""
    case "\\": return "\\\\"
    case " "..."~": return String(scalar)
    default:
      let digits = String(scalar.value, radix: 16)
      let width = digits.count <= 4 ? 4 : 8
      return (width == 4 ? "\\u" : "\\U") + String(repeating: "0", count: width - digits.count) + digits
    }
  }
}
