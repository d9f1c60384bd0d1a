import AWSProvider
import AzureProvider
import ExecutionModel
import FileProvider
import GCPProvider
import ProviderKit
import SecretBytes
import TestSupport
import Testing
import VaultProvider

/// A provider type as the suite sees it: all that it knows of one, as data.
struct ProviderUnderTest: Sendable, CustomTestStringConvertible {
  /// Every type of the agent, and the toy of docs/providers-howto.md. In the texts, ADDRESS stands for the double's address, FOLDER
  /// for a folder that the test has for itself, NUMBER for a value's number.
  static let all = [
    ProviderUnderTest(
      VaultProvider.self, store: VaultDouble.self,
      connection: [
        "address": "ADDRESS", "auth": ["method": "approle", "role_id": "web", "secret_id_file": "FOLDER/secret-id"],
      ],
      lookup: ["mount": "secret", "secret_path": "value-NUMBER"], value: #"{"value":"swordfish-NUMBER"}"#,
      revokesLogins: true),
    ProviderUnderTest(
      STSProvider.self, store: AWSDouble.self,
      connection: [
        "region": "us-east-1", "endpoint_url": "ADDRESS", "role_arn": .string(AWSDouble.role),
        "auth": ["method": "container"],
      ],
      lookup: [:], value: nil, machineLogins: [["method": "container"], ["method": "instance_metadata"]]),
    ProviderUnderTest(
      SecretsManagerProvider.self, store: AWSDouble.self,
      connection: ["region": "us-east-1", "endpoint_url": "ADDRESS", "auth": ["method": "container"]],
      lookup: ["secret_id": "value-NUMBER"],
      machineLogins: [["method": "container"], ["method": "instance_metadata"]]),
    ProviderUnderTest(
      ParameterStoreProvider.self, store: AWSDouble.self,
      connection: ["region": "us-east-1", "endpoint_url": "ADDRESS", "auth": ["method": "container"]],
      lookup: ["name": "value-NUMBER"],
      machineLogins: [["method": "container"], ["method": "instance_metadata"]]),
    ProviderUnderTest(
      GCPSecretManagerProvider.self, store: GCPDouble.self,
      connection: [
        "project": "demo-project", "endpoint_url": "ADDRESS", "auth": ["method": "file", "path": "FOLDER/user.json"],
      ],
      lookup: ["secret": "value-NUMBER"], machineLogins: [["method": "metadata"]]),
    ProviderUnderTest(
      AzureKeyVaultProvider.self, store: AzureDouble.self,
      connection: [
        "vault_url": "ADDRESS",
        "auth": ["tenant_id": .string(AzureDouble.tenant), "client_id": "web", "client_secret_env": "WEB_SECRET"],
      ],
      lookup: ["secret_name": "value-NUMBER"], machineLogins: [["method": "managed_identity"]]),
    ProviderUnderTest(
      FileProvider.self, store: FileDouble.self, connection: [:], lookup: ["path": "FOLDER/value-NUMBER"],
      isRemote: false),
    ProviderUnderTest(
      ToyProvider.self, store: ToyStore.self,
      connection: ["address": "ADDRESS", "auth": ["user": "web", "password_file": "FOLDER/password"]],
      lookup: ["name": "value-NUMBER"], revokesLogins: true),
  ]

  let descriptor: ProviderDescriptor
  let store: any StoreDouble.Type
  private let opened: @Sendable (ProviderConnection.Key, OpenConnection) -> (any SecretProvider)?
  private let connection: JSON
  private let lookup: JSON
  private let value: String?
  /// Whether it asks a store over HTTP, after a login.
  let isRemote: Bool
  /// Whether it revokes its login at the end.
  let revokesLogins: Bool
  /// `auth` blocks that log in by the machine's own identity.
  let machineLogins: [JSON]

  /// - Parameters:
  ///   - connection: an entry of `secret_providers`, without `provider`, whose login is no machine's but by necessity.
  ///   - lookup: an entry of `secrets`, without what all types have.
  ///   - value: what is fetched then; `nil`: one value for all entries, which nobody knows before.
  init<Provider: SecretProvider>(
    _ type: Provider.Type, store: any StoreDouble.Type, connection: JSON, lookup: JSON,
    value: String? = "swordfish-NUMBER", isRemote: Bool = true, revokesLogins: Bool = false, machineLogins: [JSON] = []
  ) {
    descriptor = Provider.descriptor
    opened = { Provider.open($0, over: $1) }
    self.store = store
    self.connection = connection.with([("provider", .string(Provider.descriptor.type))])
    self.lookup = lookup
    self.value = value
    self.isRemote = isRemote
    self.revokesLogins = revokesLogins
    self.machineLogins = machineLogins
  }

  static var remote: [ProviderUnderTest] { all.filter(\.isRemote) }
  static var batching: [ProviderUnderTest] { all.filter { $0.descriptor.batchSize > 1 } }
  static var revoking: [ProviderUnderTest] { all.filter(\.revokesLogins) }
  static var withMachineLogin: [ProviderUnderTest] { all.filter { !$0.machineLogins.isEmpty } }

  var testDescription: String { descriptor.type }

  /// Whether entries choose among values, so that one of them can be absent.
  var hasNames: Bool { value != nil }

  func open(_ key: ProviderConnection.Key, over connection: OpenConnection) throws -> any SecretProvider {
    try #require(opened(key, connection))
  }

  // MARK: - Documents

  /// The entry of `secret_providers`, for a store that listens at `address`.
  func connection(address: String, folder: String, auth: JSON? = nil) -> JSON {
    let entry = connection.filled(["ADDRESS": address, "FOLDER": folder])
    return auth.map { entry.with([("auth", $0)]) } ?? entry
  }

  /// The entry of `secrets` of value `number`, or of one that is not there.
  func entry(_ number: Int?, folder: String) -> JSON {
    let entry = lookup.filled(["NUMBER": number.map { "\($0)" } ?? "absent", "FOLDER": folder]).with([("from", "p")])
    return descriptor.fieldIsRequired ? entry.with([("field", "value")]) : entry
  }

  func value(_ number: Int) -> String? { value?.replacing("NUMBER", with: "\(number)") }

  /// A whole document, with `connection` as the provider `p`.
  static func document(_ connection: JSON, _ entries: [(key: String, value: JSON)]) throws -> ExecutionDocument.Item {
    let document: JSON = ["secret_providers": ["p": connection], "secrets": .object(entries)]
    return try ExecutionDocument(SecretBytes(document.text), syntax: .json).item(nil)
  }
}

extension JSON {
  /// The same with each place in its texts taken by what stands there.
  func filled(_ places: [String: String]) -> JSON {
    switch self {
    case .object(let members): .object(members.map { ($0.key, $0.value.filled(places)) })
    case .array(let elements): .array(elements.map { $0.filled(places) })
    case .string(let text): .string(places.reduce(text) { $0.replacing($1.key, with: $1.value) })
    case .literal: self
    }
  }
}
