import EventLoop
import ExecutionModel
import NodePolicy
import ProviderKit
import SecretBytes

/// The open connections of this process: executions that name the same connection share its login and its calls.
public actor ProviderPool {
  private let registry: ProviderRegistry
  private let services: ProviderServices
  private var open: [ProviderConnection.Key: any SecretProvider] = [:]
  private var labels: [ProviderConnection.Key: Label] = [:]
  private var metrics: [Label: ConnectionMetrics] = [:]

  /// What a connection is called in metrics. Connections of different executions may share it.
  public struct Label: Hashable, Sendable {
    public let type: String
    public let name: String
  }

  public init(registry: ProviderRegistry, services: ProviderServices) {
    self.registry = registry
    self.services = services
  }

  /// The provider of `connection`, made at its first use. Nothing is sent.
  public func provider(_ connection: ProviderConnection) throws(ProviderFailure) -> any SecretProvider {
    if let provider = open[connection.key] {
      return provider
    }
    let label = Label(type: connection.type, name: connection.name)
    let counts = metrics[label] ?? ConnectionMetrics()
    let provider = try registry.open(connection, services, counts)
    open[connection.key] = provider
    labels[connection.key] = label
    metrics[label] = counts
    return provider
  }

  /// What the node's owner lets these connections do.
  public nonisolated var policy: NodePolicy { services.policy }

  /// Fetches `references` over their connection: a result each, in their order. A value that is larger than the policy lets through
  /// is let go at once.
  public func fetch(_ references: [Reference], over connection: ProviderConnection) async -> [FetchResult] {
    do throws(ProviderFailure) {
      let results = await (try provider(connection)).fetch(references: references)
      return zip(references, results).map { reference, result in
        tell(result, reference, connection.name)
        return bounded(result, reference, connection.name)
      }
    } catch {
      return references.map { _ in .failure(error) }
    }
  }

  /// Says why an entry that asks for the version before has none.
  private func tell(_ result: FetchResult, _ reference: Reference, _ connection: String) {
    guard case .success(let secret) = result, case .absent(let reason)? = secret.previous else {
      return
    }
    services.log.info(
      "no version before",
      metadata: ["provider": "\(connection)", "secret": "\(reference.description)", "reason": "\(reason)"])
  }

  private func bounded(_ result: FetchResult, _ reference: Reference, _ connection: String) -> FetchResult {
    guard case .success(let secret) = result,
      case let longest = max(secret.payload.count, secret.previousPayload.count), longest > policy.bounds.valueBytes
    else {
      return result
    }
    return .failure(
      ProviderFailure(
        .malformed, connection: connection, reference: reference.description,
        "a stored value of \(longest) bytes, all its fields together; the policy's max_value_bytes is \(policy.bounds.valueBytes)"
      ))
  }

  /// What a later process needs to go on with what the store of an open connection made for `references`; `nil`: nothing.
  public func handover(of references: [Reference], over connection: ProviderConnection) async -> SecretBytes? {
    await open[connection.key]?.handover(references: references)
  }

  /// Opens a connection, where it is not open, with what an earlier process left for it; sends nothing.
  public func takeOver(_ handover: SecretBytes, for connection: ProviderConnection) async {
    await (try? provider(connection))?.takeOver(handover)
  }

  /// Closes one connection that nobody uses any more; does nothing where it is not open.
  public func close(_ connection: ProviderConnection.Key, _ reason: CloseReason) async {
    let provider = open.removeValue(forKey: connection)
    if let label = labels.removeValue(forKey: connection), !labels.values.contains(label) {
      metrics[label] = nil
    }
    await provider?.close(reason)
  }

  /// The counts of all open connections.
  public var counts: [Label: ConnectionMetrics.Counts] {
    metrics.mapValues(\.counts)
  }

  /// Closes every connection at once, revoking what the agent made as far as `reason` lets it.
  ///
  /// - Parameter end: when to be done with it, where that is sooner than leaving may take.
  public func closeAll(_ reason: CloseReason, by end: Moment? = nil) async {
    let providers = Array(open.values)
    open = [:]
    _ = await WorkLimit.$end.withValue(end) {
      await inOrder(providers, atMost: providers.count) { await $0.close(reason) }
    }
  }
}
