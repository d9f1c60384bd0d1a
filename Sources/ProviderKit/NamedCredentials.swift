import ExecutionModel
import Text

/// What a document says itself, without the node's settings, of a connection's credentials and of where they are sent.
struct NamedCredentials {
  /// Each with its place in the provider's block.
  private(set) var credentials: [(keys: [String], credential: NodeCredential)] = []
  private(set) var addresses: [HTTPURL] = []
  let grant: CredentialGrant

  init(_ provider: ProviderConnection, _ method: AuthenticationMethod?) {
    grant = provider.key.grant
    add(provider.values.fields, provider.descriptor.connection, [], below: [])
    add(provider.values.authentication, method?.fields ?? [], [], below: ["auth"])
    if let identity = method?.identity {
      credentials.append((["auth"], .identity(identity)))
    }
  }

  private mutating func add(
    _ values: FieldValues, _ fields: [FieldDescriptor], _ prefix: [String], below place: [String]
  ) {
    for field in fields {
      let keys = prefix + [field.name]
      let value = values[keys.joined(separator: ".")]
      switch field.kind {
      case .object(let inner):
        add(values, inner, keys, below: place)
      case .address, .origin:
        addresses += value.flatMap { HTTPURL($0) }.map { [$0] } ?? []
      case .environmentVariable:
        if let variable = value.flatMap({ String($0) }) {
          credentials.append((place + keys, .variable(variable)))
        }
      case .identityFile where grant.workload != nil:
        continue
      case .file, .identityFile, .pem:
        if let path = value.flatMap({ String($0) }) ?? (value == nil ? field.defaultText : nil), path.hasPrefix("/") {
          credentials.append((place + keys, .file(path)))
        }
      default:
        continue
      }
    }
  }
}
