import AgentDaemon
import ExecutionModel
import JSONReader
import SecretBytes
import Text

/// What one `Mount` asks for: the parameters of the SecretProviderClass, and what the kubelet says of the pod.
///
/// `attributes` is one object of texts: the class's parameters with the kubelet's `csi.storage.k8s.io/…` among them. Tokens come there,
/// or, from kubelets that are told so (`serviceAccountTokenInSecrets`), in `secrets`, which count then: what the kubelet does not write
/// itself among the attributes may be of the pod's author, while no Secret of his can have a key with a slash.
struct MountAttributes {
  struct Fault: Error, Equatable {
    let message: String
  }

  private static let prefix = "csi.storage.k8s.io/"
  private static let blocks = ["secret_providers", "secrets"]
  private static let permission = "filePermission"
  /// The driver's own.
  private static let className = "secretProviderClass"
  private static let limits = JSONLimits(maximumBytes: 4 << 20)

  let request: VolumeRequest
  /// Of every file; `nil`: what the driver says.
  let mode: Int32?

  init(attributes: String, secrets: String) throws(Fault) {
    let given = try Self.object(attributes, "attributes")
    try Self.refuseSlips(given)
    let places = secrets.isEmpty || secrets == "null" ? [given] : [try Self.object(secrets, "secrets"), given]
    let tokens = try Self.tokens(
      places.lazy.compactMap { $0.member(Self.prefix + "serviceAccount.tokens")?.secret }.first)
    request = VolumeRequest(
      identity: WorkloadIdentity(
        namespace: try Self.said(given, "pod.namespace"), serviceAccount: try Self.said(given, "serviceAccount.name")),
      pod: try Self.said(given, "pod.name"), document: try Self.document(given), tokens: tokens)
    mode = try Self.mode(given.member(Self.permission)?.text)
  }

  private static func object(_ text: String, _ name: String) throws(Fault) -> JSONValue {
    guard let json = try? JSONValue.parse(SecretBytes(text), limits: limits), json.kind == .object else {
      throw Fault(message: "the request's \(name) are not a JSON object")
    }
    return json
  }

  /// What nearly is one of the class's parameters is none: files would be open to more than the class means.
  private static func refuseSlips(_ given: JSONValue) throws(Fault) {
    let known = blocks + [permission]
    for name in given.members.lazy.compactMap(\.name.text)
    where !known.contains(name) && name != className && !name.hasPrefix(prefix) {
      if let meant = NearestName.suggestion(for: name, among: known) {
        throw Fault(message: "parameters.\(ShownText.clean(name)): unknown; did you mean \(meant)?")
      }
    }
  }

  private static func said(_ given: JSONValue, _ name: String) throws(Fault) -> String {
    guard let text = given.member(prefix + name)?.text, !text.isEmpty else {
      throw Fault(
        message: "the request has no \(prefix)\(name): the CSIDriver object must have podInfoOnMount: true")
    }
    return text
  }

  /// The two blocks, each a parameter of YAML (or JSON) text, as one job spec. Below its key every line is moved in, so that a block
  /// stays what it is by itself.
  private static func document(_ given: JSONValue) throws(Fault) -> SecretBytes {
    var document = SecretBuffer()
    for block in blocks {
      guard let text = given.member(block)?.text, text.utf8.contains(where: { $0 > 0x20 }) else {
        throw Fault(message: "parameters.\(block): required, the block as YAML text")
      }
      document.append("\(block):\n")
      for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
        document.append("  \(line)\n")
      }
    }
    return document.finish()
  }

  /// `{"AUDIENCE": {"token": …, "expirationTimestamp": …}}`.
  private static func tokens(_ text: SecretBytes?) throws(Fault) -> [String: SecretBytes] {
    guard let text, !text.isEmpty else {
      return [:]
    }
    guard let json = try? JSONValue.parse(text, limits: limits), json.kind == .object else {
      throw Fault(message: "the kubelet's \(prefix)serviceAccount.tokens are not a JSON object")
    }
    var tokens: [String: SecretBytes] = [:]
    for member in json.members {
      if let audience = member.name.text, let token = member.value.member("token")?.secret, !token.isEmpty {
        tokens[audience] = token.detached()
      }
    }
    return tokens
  }

  private static func mode(_ text: String?) throws(Fault) -> Int32? {
    guard let text, !text.isEmpty else {
      return nil
    }
    guard text.hasPrefix("0"), let mode = Int32(text, radix: 8), (0...0o777).contains(mode) else {
      throw Fault(
        message: "parameters.\(permission): expected octal digits as \"0440\", found \(ShownText.clean(text))")
    }
    return mode
  }

  /// What the driver says files are to have: a decimal number in JSON.
  static func mode(permission: String) throws(Fault) -> Int32 {
    guard let mode = Int32(permission), (0...0o777).contains(mode) else {
      throw Fault(message: "the request's permission is no mode: \(ShownText.clean(permission))")
    }
    return mode
  }
}
