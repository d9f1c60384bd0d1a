import JSONReader

/// The keys of the orchestrator's flat structs, written down from its API's page and from what we decided about it; on purpose not
/// made from the descriptors, which are held against it.
enum SchemaTable {
  enum Kind: Sendable {
    case string, boolean, integer, duration, version, object

    /// Values of no such kind, none of them zero.
    var wrong: [JSONTree] {
      switch self {
      case .string: [3, true, ["x"], ["x": "y"]]
      case .boolean: ["true", "no", 1, ["x"], ["x": "y"]]
      case .integer: ["2", true, ["x"], ["x": "y"]]
      case .duration: ["soon", "30", true, -1, ["x"], ["x": "y"]]
      case .version: [true, ["x"], ["x": "y"]]
      case .object: ["x", 3, true, ["x"]]
      }
    }
  }

  struct Field: Sendable {
    let name: String
    let kind: Kind
    /// A value that every reader takes.
    let good: JSONTree
    /// The types that read it.
    let readers: [String]
    /// The types that ask for it.
    let required: [String]

    init(
      _ name: String, _ kind: Kind, _ good: JSONTree, by readers: [String], required: [String] = []
    ) {
      self.name = name
      self.kind = kind
      self.good = good
      self.readers = readers
      self.required = required
    }

    init(_ name: String, _ good: JSONTree, by readers: [String], required: [String] = []) {
      self.init(name, .string, good, by: readers, required: required)
    }
  }

  static let vault = "hashicorp_vault"
  static let secretsManager = "aws_secrets_manager"
  static let parameterStore = "aws_parameter_store"
  static let tokenService = "aws_sts"
  static let gcp = "gcp_secret_manager"
  static let azure = "azure_key_vault"
  static let file = "file"
  static let aws = [secretsManager, parameterStore, tokenService]
  static let types = [vault, secretsManager, parameterStore, tokenService, gcp, azure, file]

  /// What nobody set.
  static let zeros: [JSONTree] = [.null, "", 0, false, [:], []]

  static let roleARN: JSONTree = "arn:aws:iam::123456789012:role/reader"

  /// `secret_providers.NAME`, but for `provider` itself.
  static let provider: [Field] = [
    Field("address", "https://vault.example.com:8200", by: [vault], required: [vault]),
    Field("namespace", "team/shop", by: [vault]),
    Field("tls", .object, ["ca_cert": "/etc/ca.pem", "skip_verify": true], by: [vault]),
    Field("region", "eu-central-1", by: aws, required: aws),
    // For gcp_secret_manager an extension of ours.
    Field("endpoint_url", "https://endpoint.example.com:4566", by: aws + [gcp]),
    Field("profile", "shop", by: aws),
    Field("role_arn", roleARN, by: [tokenService], required: [tokenService]),
    Field("session_name", "web@edge-17", by: [tokenService]),
    Field("external_id", "shop/42", by: [tokenService]),
    Field("duration_seconds", .integer, 43_200, by: [tokenService]),
    Field("project", "shop-1", by: [gcp], required: [gcp]),
    Field("location", "europe-west3", by: [gcp]),
    Field("vault_url", "https://shop.vault.azure.net", by: [azure], required: [azure]),
    Field("auth", .object, ["method": "default"], by: [vault] + aws + [gcp, azure], required: [vault]),
  ]

  /// `secret_providers.NAME.tls`.
  static let tls: [Field] = [
    Field("ca_cert", "/etc/ca.pem", by: [vault]),
    Field("client_cert", "/etc/client.pem", by: [vault]),
    Field("client_key", "/etc/client.key", by: [vault]),
    Field("skip_verify", .boolean, true, by: [vault]),
  ]

  /// `secrets.NAME`.
  static let secret: [Field] = [
    Field("from", "p", by: types, required: types),
    Field("refresh", .duration, "30m", by: types),
    // One that aws_sts has, too.
    Field("field", "region", by: types, required: [vault]),
    Field("encoding", "base64", by: types),
    Field("mount", "kv", by: [vault], required: [vault]),
    Field("secret_path", "shop/db", by: [vault], required: [vault]),
    Field("engine_version", .integer, 2, by: [vault]),
    Field("version", .version, "3", by: [vault, gcp, azure]),
    Field("secret_id", "shop/db", by: [secretsManager], required: [secretsManager]),
    Field("version_id", "11111111-aaaa-4444-8888-222222222222", by: [secretsManager]),
    Field("version_stage", "AWSPREVIOUS", by: [secretsManager]),
    Field("name", "/shop/db:3", by: [parameterStore], required: [parameterStore]),
    Field("with_decryption", .boolean, true, by: [parameterStore]),
    Field("secret", "db-password", by: [gcp], required: [gcp]),
    Field("secret_name", "db-password", by: [azure], required: [azure]),
    Field("path", "/etc/shop/db", by: [file], required: [file]),
  ]

  /// Keys of which an entry takes one only.
  static let exclusive = ["version_id", "version_stage"]

  static func fields(_ place: SchemaDocument.Place) -> [Field] {
    switch place {
    case .provider: provider
    case .tls: tls
    case .entry: secret
    case .authentication: []
    }
  }

  // MARK: - Documents

  /// `provider`, what the type requires, and one entry.
  static func minimal(_ type: String) -> SchemaDocument {
    func required(_ fields: [Field]) -> [(String, JSONTree)] {
      fields.filter { $0.required.contains(type) && $0.kind != .object }.map { ($0.name, $0.good) }
    }
    return SchemaDocument(
      provider: [("provider", .string(type))] + required(provider),
      authentication: type == vault ? [("token_env", "VAULT_TOKEN")] : [], entry: required(secret))
  }

  /// Every key that the type reads, but `absent`.
  static func full(_ type: String, without absent: String) -> SchemaDocument {
    var document = minimal(type)
    for (place, fields) in [(SchemaDocument.Place.provider, provider), (.tls, tls), (.entry, secret)] {
      for field in fields where field.readers.contains(type) && field.name != absent && field.kind != .object {
        document[place, field.name] = field.good
      }
    }
    return document
  }

  /// One key of one struct beside one type.
  struct Pair: Sendable, CustomStringConvertible {
    let type: String
    let place: SchemaDocument.Place
    let field: Field

    var path: String { "\(place.rawValue).\(field.name)" }
    var isRead: Bool { field.readers.contains(type) }
    var isRequired: Bool { field.required.contains(type) }
    var description: String { "\(type) \(path)" }
  }

  static let pairs: [Pair] = types.flatMap { type in
    [SchemaDocument.Place.provider, .entry].flatMap { place in
      fields(place).map { Pair(type: type, place: place, field: $0) }
    } + (type == vault ? tls.map { Pair(type: type, place: .tls, field: $0) } : [])
  }
}
