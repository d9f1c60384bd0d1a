import ExecutionModel
import JSONReader
import SecretBytes

/// What the Secrets Store CSI provider asks the daemon for one volume of a pod, as the value socket takes it:
///
///     {"namespace": "shop", "service_account": "web", "pod": "web-7d9", "document": "secret_providers: …",
///      "tokens": {"vault": "eyJ…"}}
///
/// Equal documents of one service account are one volume to the daemon, however many pods mount it.
public struct VolumeRequest: Sendable {
  /// Bytes of a request: the kubelet's tokens and a class's parameters, which Kubernetes bounds at 1.5 MB an object.
  public static let mostBytes = 4 << 20

  public let identity: WorkloadIdentity
  /// The pod's name, for the log.
  public let pod: String
  /// A job spec of the two blocks, JSON or YAML.
  public let document: SecretBytes
  /// By audience.
  public let tokens: [String: SecretBytes]

  public init(identity: WorkloadIdentity, pod: String, document: SecretBytes, tokens: [String: SecretBytes]) {
    self.identity = identity
    self.pod = pod
    self.document = document
    self.tokens = tokens
  }

  /// `nil` where `json` is nothing of the kind.
  init?(json: SecretBytes) {
    guard let root = try? JSONValue.parse(json, limits: JSONLimits(maximumBytes: Self.mostBytes)),
      let namespace = Self.name(root, "namespace"), let account = Self.name(root, "service_account"),
      let pod = Self.name(root, "pod"), let document = root.member("document")?.secret,
      let list = root.member("tokens"),
      list.kind == .object
    else {
      return nil
    }
    var tokens: [String: SecretBytes] = [:]
    for member in list.members {
      guard let audience = member.name.text, let token = member.value.secret else {
        return nil
      }
      tokens[audience] = token.detached()
    }
    self.init(
      identity: WorkloadIdentity(namespace: namespace, serviceAccount: account), pod: pod,
      document: document.detached(), tokens: tokens)
  }

  /// As Kubernetes names its objects (RFC 1123 subdomains).
  private static func name(_ root: JSONValue, _ member: String) -> String? {
    root.member(member)?.text.flatMap { text in
      let isName =
        (1...253).contains(text.utf8.count)
        && text.utf8.allSatisfy { byte in
          UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
        }
      return isName ? text : nil
    }
  }

  public var json: SecretBytes {
    var json = JSONWriter()
    json.beginObject()
    for (name, text) in [
      ("namespace", identity.namespace), ("service_account", identity.serviceAccount), ("pod", pod),
    ] {
      json.member(name, text)
    }
    json.member("document", document)
    json.name("tokens")
    json.beginObject()
    for (audience, token) in tokens.sorted(by: { $0.key < $1.key }) {
      json.member(audience, token)
    }
    json.endObject()
    json.endObject()
    return json.finish()
  }
}
