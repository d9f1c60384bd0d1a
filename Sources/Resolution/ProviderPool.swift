import ExecutionModel
import ProviderKit

/// The open connections of this process: executions that name the same connection share its login and its calls.
public actor ProviderPool {
  private let registry: ProviderRegistry
  private let services: ProviderServices
  private var open: [ProviderConnection.Key: any SecretProvider] = [:]

  public init(registry: ProviderRegistry, services: ProviderServices) {
    self.registry = registry
    self.services = services
  }

  /// The provider of `connection`, made at its first use. Nothing is sent.
  public func provider(_ connection: ProviderConnection) throws(DocumentFault) -> any SecretProvider {
    if let provider = open[connection.key] {
      return provider
    }
    let provider = try registry.make(connection, services)
    open[connection.key] = provider
    return provider
  }

  /// Closes every connection at once, revoking what the agent made as far as `reason` lets it.
  public func closeAll(_ reason: CloseReason) async {
    let providers = Array(open.values)
    open = [:]
    _ = await inOrder(providers, atMost: providers.count) { await $0.close(reason) }
  }
}
