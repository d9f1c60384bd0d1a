import ExecutionModel
import ProviderKit

/// The provider types of this build.
public struct ProviderRegistry: Sendable {
  private let types: [any SecretProvider.Type]

  public init(_ types: [any SecretProvider.Type]) {
    self.types = types
  }

  /// What documents are validated by.
  public var catalog: ProviderCatalog {
    ProviderCatalog(types.map { $0.descriptor })
  }

  public func make(
    _ connection: ProviderConnection, _ services: ProviderServices
  ) throws(DocumentFault) -> any SecretProvider {
    try type(connection.type, at: connection.path("type")).init(connection: connection, services: services)
  }

  /// How `reference` reads in messages and plans.
  public func describe(_ reference: Reference) -> String {
    (try? type(reference.connection.type, at: ""))?.describe(reference) ?? reference.connection.type
  }

  private func type(_ name: String, at path: String) throws(DocumentFault) -> any SecretProvider.Type {
    guard let type = types.first(where: { $0.descriptor.type == name }) else {
      throw DocumentFault(path, "unknown provider type \(DocumentPath.shown(name))")
    }
    return type
  }
}
