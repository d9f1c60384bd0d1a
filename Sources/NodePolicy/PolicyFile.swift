import ExecutionModel
import JSONReader
import SecretBytes
import YAMLReader

/// Reads a policy file (YAML or JSON; every key is in config/policy.yaml). Unknown keys are errors: a misspelt rule must not
/// leave a door open.
public enum PolicyFile {
  /// - Parameter base: what holds where the file says nothing.
  /// - Throws: every fault of the file.
  public static func parse(_ bytes: SecretBytes, over base: NodePolicy, origin: String) throws(DocumentFaults)
    -> NodePolicy
  {
    let root: JSONValue
    do throws(JSONFault) {
      root = try YAMLReader.parse(bytes, limits: .document)
    } catch {
      throw DocumentFaults([DocumentFault("", "\(error)")])
    }
    var reader = PolicyReader(policy: base)
    reader.policy.origin = origin
    reader.read(root)
    guard reader.faults.isEmpty else {
      throw DocumentFaults(reader.faults)
    }
    return reader.policy
  }
}

private struct PolicyReader {
  var policy: NodePolicy
  var faults: [DocumentFault] = []

  static let keys = [
    "provider_types", "addresses", "credential_files", "environment", "file_roots", "output_roots", "dangerous_names",
    "skip_verify", "standby_redirects", "max_stale", "min_refresh",
  ]

  mutating func fault(_ path: String, _ message: String, _ value: JSONValue) {
    faults.append(DocumentFault(path, message, at: value.position))
  }

  mutating func read(_ root: JSONValue) {
    if root.isNull {
      return
    }
    guard root.kind == .object else {
      return fault("", "expected an object of rules", root)
    }
    for member in root.members {
      read(member.name.text ?? "", member.name, member.value)
    }
  }

  private mutating func read(_ key: String, _ name: JSONValue, _ value: JSONValue) {
    switch key {
    case "provider_types": policy.providerTypes = .matching(strings(key, value))
    case "environment": policy.environment = .matching(strings(key, value))
    case "dangerous_names": policy.dangerousNames = .matching(strings(key, value))
    case "credential_files": policy.credentialFiles = folders(key, value)
    case "file_roots": policy.fileRoots = folders(key, value)
    case "output_roots": policy.outputRoots = folders(key, value)
    case "addresses": policy.addresses = addresses(value)
    case "skip_verify": policy.allowsSkipVerify = flag(key, value)
    case "standby_redirects": policy.allowsStandbyRedirects = flag(key, value)
    case "max_stale": policy.maxStale = duration(key, value)
    case "min_refresh": policy.minRefresh = duration(key, value) ?? policy.minRefresh
    default:
      fault(DocumentPath.shown(key), "unknown rule\(NearestName.hint(for: key, among: Self.keys))", name)
    }
  }

  private mutating func flag(_ key: String, _ value: JSONValue) -> Bool {
    guard let flag = value.boolean else {
      fault(key, "expected true or false", value)
      return false
    }
    return flag
  }

  private mutating func duration(_ key: String, _ value: JSONValue) -> RefreshInterval? {
    guard let text = value.text, let interval = try? RefreshInterval(parsing: text), interval.nanoseconds > 0 else {
      fault(key, "expected a duration as \"24h\"", value)
      return nil
    }
    return interval
  }

  private mutating func strings(_ key: String, _ value: JSONValue) -> [String] {
    guard value.kind == .array else {
      fault(key, "expected a list of strings", value)
      return []
    }
    var texts: [String] = []
    for (index, element) in value.elements.enumerated() {
      if let text = element.text, !text.isEmpty {
        texts.append(text)
      } else {
        fault("\(key)[\(index)]", "expected a string that is not empty", element)
      }
    }
    return texts
  }

  private mutating func folders(_ key: String, _ value: JSONValue) -> NodePolicy.PathScope {
    var folders: [String] = []
    for text in strings(key, value) {
      var folder = text[...]
      while folder.count > 1, folder.hasSuffix("/") {
        folder = folder.dropLast()
      }
      guard folder.hasPrefix("/"), !folder.split(separator: "/").contains("..") else {
        fault(key, "expected absolute paths without '..'", value)
        continue
      }
      folders.append(String(folder))
    }
    return .beneath(folders)
  }

  private mutating func addresses(_ value: JSONValue) -> [AddressPattern] {
    guard value.kind == .array else {
      fault("addresses", "expected a list of {host, ports, tls}", value)
      return []
    }
    var patterns: [AddressPattern] = []
    for (index, element) in value.elements.enumerated() {
      if let pattern = address("addresses[\(index)]", element) {
        patterns.append(pattern)
      }
    }
    if patterns.isEmpty {
      fault("addresses", "an empty list would allow any; name hosts, or leave the rule out", value)
    }
    return patterns
  }

  private mutating func address(_ path: String, _ value: JSONValue) -> AddressPattern? {
    if let host = value.text, !host.isEmpty {
      return AddressPattern(host: host)
    }
    guard let host = value.member("host")?.text, !host.isEmpty else {
      fault("\(path).host", "required; a host name, *.domain or *", value)
      return nil
    }
    for member in value.members where !["host", "ports", "tls"].contains(member.name.text) {
      fault(path, "unknown key \"\(DocumentPath.shown(member.name.text ?? ""))\"; known: host, ports, tls", member.name)
    }
    var requiresTLS = true
    if let tls = value.member("tls") {
      guard let word = tls.text, ["required", "optional"].contains(word) else {
        fault("\(path).tls", "expected required or optional", tls)
        return nil
      }
      requiresTLS = word == "required"
    }
    var ports: [Int] = []
    if let list = value.member("ports") {
      for port in list.elements {
        guard let number = port.int64, (1...65535).contains(number) else {
          fault("\(path).ports", "expected ports from 1 to 65535", list)
          return nil
        }
        ports.append(Int(number))
      }
    }
    return AddressPattern(host: host, ports: ports, requiresTLS: requiresTLS)
  }
}
