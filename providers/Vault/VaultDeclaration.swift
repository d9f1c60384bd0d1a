import ExecutionModel
import HTTPTransport
import ProviderKit
import Text

/// `hashicorp_vault`: HashiCorp Vault and OpenBao, by the API that they share (https://openbao.org/api-docs/).
enum VaultDeclaration {
  static let value = ProviderDeclaration<VaultConnection, VaultLookup>(
    type: "hashicorp_vault",
    summary: "HashiCorp Vault and OpenBao: KV versions 1 and 2, and leased secrets of other engines",
    connection: [
      VaultConnection.address.descriptor, VaultConnection.namespace.descriptor,
      FieldDescriptor("tls", .object(VaultConnection.TLS.fields), "transport security"),
    ],
    connectionRules: [.allOrNone(["tls.client_cert", "tls.client_key"])],
    authentication: VaultLogin.declaration.descriptor,
    makeConnection: { values throws(FieldFault) in try VaultConnection(values) },
    lookup: VaultLookup.fields,
    lookupRules: [.onlyWhile(field: "version", other: "engine_version", is: 2, byDefault: true)],
    pinningFields: ["version"],
    makeLookup: { values, _ throws(FieldFault) in try VaultLookup(values) },
    fieldIsRequired: true)
}

/// An entry of `secret_providers`.
public struct VaultConnection: Sendable {
  static let address = Field<HTTPURL>(
    "address", .address, required: true, "the server, as https://vault.example.com:8200")
  static let namespace = Field<String>("namespace", .remotePath, "sent as X-Vault-Namespace with every call")

  struct TLS: Sendable {
    private static let caCertificate = Field<CredentialSource>(
      "ca_cert", in: "tls", .pem, "CA that signed the server's certificate; default: the system's")
    private static let clientCertificate = Field<CredentialSource>(
      "client_cert", in: "tls", .pem, "client certificate, with its chain")
    private static let clientKey = Field<CredentialSource>("client_key", in: "tls", .pem, "its private key")
    private static let skipVerify = Field<Bool>(
      "skip_verify", in: "tls", .boolean, defaultsTo: "false", "accept any certificate; needs the policy's leave")

    static let fields = [
      caCertificate.descriptor, clientCertificate.descriptor, clientKey.descriptor, skipVerify.descriptor,
    ]

    let ca: CredentialSource?
    let certificate: CredentialSource?
    let key: CredentialSource?
    let skipsVerification: Bool

    init(_ values: FieldValues) {
      ca = values[Self.caCertificate]?.named("tls.ca_cert")
      certificate = values[Self.clientCertificate]?.named("tls.client_cert")
      key = values[Self.clientKey]?.named("tls.client_key")
      skipsVerification = values[Self.skipVerify] ?? false
    }
  }

  let address: HTTPURL
  let namespace: String?
  let tls: TLS
  let login: VaultLogin

  init(_ values: ConnectionValues) throws(FieldFault) {
    address = try values.fields.required(Self.address)
    namespace = values.fields[Self.namespace]
    tls = TLS(values.fields)
    login = try VaultLogin(values)
  }
}

/// An entry of `secrets`.
public struct VaultLookup: SecretLookup {
  private static let mount = Field<String>(
    "mount", .remotePath, required: true, "where the secrets engine is mounted, as `secret`")
  private static let secretPath = Field<String>(
    "secret_path", .remotePath, required: true, "path of the secret below the mount")
  private static let engineVersion = Field<Int64>(
    "engine_version", .integer(1...2), defaultsTo: "2", "version of the KV engine; 1 also for engines other than KV")
  private static let version = Field<String>(
    "version", .version(.number), "version of the secret; pinned, so never refreshed")

  static let fields = [
    mount.descriptor, secretPath.descriptor, engineVersion.descriptor, version.descriptor,
    PreviousVersion.field.descriptor,
  ]

  let mount: String
  let path: String
  let version: String?
  let isVersioned: Bool

  init(_ values: FieldValues) throws(FieldFault) {
    mount = try values.required(Self.mount)
    path = try values.required(Self.secretPath)
    version = values[Self.version]
    isVersioned = values[Self.engineVersion] != 1
  }

  private init(_ lookup: VaultLookup, version: String) {
    mount = lookup.mount
    path = lookup.path
    self.version = version
    isVersioned = lookup.isVersioned
  }

  /// The same secret in another version.
  func at(version: Int64) -> VaultLookup { VaultLookup(self, version: String(version)) }

  public var previousObstacle: String? {
    isVersioned ? nil : "engine_version 1 keeps no versions; leave it out"
  }

  /// Below `/v1/`.
  var readPath: String { "\(mount)/\(isVersioned ? "data/" : "")\(path)" }

  public var apiPath: String? { readPath }

  /// What is likely wrong with a path that holds what the agent adds by itself.
  var pathHint: String? {
    isVersioned && path.hasPrefix("data/")
      ? "drop `data/` from secret_path: it belongs to the API's path, and is added by itself" : nil
  }

  /// The API's path, as policies name it.
  public var description: String {
    ShownText.clean(version.map { "\(readPath)?version=\($0)" } ?? readPath, atMost: 200)
  }
}
