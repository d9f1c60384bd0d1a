import JSONReader
import SecretBytes

/// The values of one execution's generation, as the value socket gives them.
///
///     {"execution": "e-1", "generation": 3, "secrets": [{"name": "DB_PASSWORD", "version": "4", "value": "cGFzc3dvcmQ="}]}
///
/// A value is base64 (RFC 4648 §4), since it may be any bytes; `version` is absent where its store has none. Readers pass over members
/// that they do not know.
public struct ExecutionValues: Sendable, Equatable {
  public struct Secret: Sendable, Equatable {
    public let name: String
    public let version: String?
    public let value: SecretBytes

    public init(name: String, version: String?, value: SecretBytes) {
      self.name = name
      self.version = version
      self.value = value
    }
  }

  public let execution: String
  /// From 1; as in the manifest beside the files.
  public let generation: Int64
  /// In the document's order.
  public let secrets: [Secret]

  public init(execution: String, generation: Int64, secrets: [Secret]) {
    self.execution = execution
    self.generation = generation
    self.secrets = secrets
  }

  init(_ delivered: DeliveredGeneration) {
    self.init(
      execution: delivered.execution, generation: delivered.number,
      secrets: delivered.secrets.map { Secret(name: $0.name, version: $0.version, value: $0.value) })
  }

  /// `nil` where `json` is nothing of the kind.
  public init?(json: SecretBytes) {
    let limits = JSONLimits(maximumBytes: Self.mostBytes)
    guard let root = try? JSONValue.parse(json, limits: limits), let execution = root.member("execution")?.text,
      let generation = root.member("generation")?.int64, let list = root.member("secrets"), list.kind == .array
    else {
      return nil
    }
    var secrets: [Secret] = []
    for element in list.elements {
      guard let name = element.member("name")?.text, let text = element.member("value")?.secret,
        let value = Base64.decode(text)
      else {
        return nil
      }
      secrets.append(Secret(name: name, version: element.member("version")?.text, value: value))
    }
    self.init(execution: execution, generation: generation, secrets: secrets)
  }

  /// Bytes of the largest answer that is read: a node's policy bounds an execution's values at 16 MiB, unless its owner gives more.
  public static let mostBytes = 256 << 20

  public var json: SecretBytes {
    var json = JSONWriter()
    json.beginObject()
    json.member("execution", execution)
    json.member("generation", generation)
    json.name("secrets")
    json.beginArray()
    for secret in secrets {
      json.beginObject()
      json.member("name", secret.name)
      if let version = secret.version {
        json.member("version", version)
      }
      json.member("value", Base64.encode(secret.value))
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.finish()
  }
}
