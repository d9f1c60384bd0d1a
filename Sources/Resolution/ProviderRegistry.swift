import ExecutionModel
import ProviderKit
import Text

/// The provider types of this build.
public struct ProviderRegistry: Sendable {
  private let types: [any SecretProvider.Type]
  /// What documents are validated by.
  public let catalog: ProviderCatalog

  public init(_ types: [any SecretProvider.Type]) {
    self.types = types
    self.catalog = ProviderCatalog(types.map { $0.descriptor })
  }

  /// The provider of `connection`, which this registry's catalog has validated. Nothing is sent.
  func open(
    _ connection: ProviderConnection, _ services: ProviderServices, _ metrics: ConnectionMetrics
  ) throws(ProviderFailure) -> any SecretProvider {
    let open = OpenConnection(
      named: connection.name, services: services.granting(connection.key.grant), metrics: metrics,
      takesCA: connection.descriptor.takesCA)
    for type in types where type.descriptor.type == connection.type {
      if let provider = type.open(connection.key, over: open) {
        return provider
      }
    }
    throw open.failures.make(.malformed, "this build has no provider type \(ShownText.clean(connection.type))")
  }
}
