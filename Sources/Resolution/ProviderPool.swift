import EventLoop
import ExecutionModel
import Masking
import NodePolicy
import ProviderKit
import SecretBytes

/// The open connections of this process: executions that name the same connection share its login and its calls.
public actor ProviderPool {
  private let registry: ProviderRegistry
  private let services: ProviderServices
  private let keepsKnown: Bool
  /// Of values that nobody may hold any more.
  private var known: [LiveMark] = []
  private var open: [ProviderConnection.Key: any SecretProvider] = [:]
  private var labels: [ProviderConnection.Key: Label] = [:]
  private var metrics: [Label: ConnectionMetrics] = [:]

  /// What a connection is called in metrics. Connections of different executions may share it, as where they differ in their logins only.
  public struct Label: Hashable, Sendable, Comparable {
    public let type: String
    public let name: String
    /// Where it leads; empty where its type has one place only.
    public let address: String

    public init(type: String, name: String, address: String = "") {
      self.type = type
      self.name = name
      self.address = address
    }

    public init(_ connection: ProviderConnection) {
      self.init(type: connection.type, name: connection.name, address: connection.place)
    }

    public static func < (one: Label, other: Label) -> Bool {
      (one.type, one.name, one.address) < (other.type, other.name, other.address)
    }

    /// `vault at https://vault.example.com:8200`
    public var shown: String { address.isEmpty ? name : "\(name) at \(address)" }
  }

  /// - Parameter keepsKnown: whether a value that was fetched is among those in use until all connections are closed, as in a command that
  ///   lets go of what it cannot deliver, and then ends its logins: what is answered to that is told, too.
  public init(registry: ProviderRegistry, services: ProviderServices, keepsKnown: Bool = false) {
    self.registry = registry
    self.services = services
    self.keepsKnown = keepsKnown
  }

  /// The provider of `connection`, made at its first use. Nothing is sent.
  public func provider(_ connection: ProviderConnection) throws(ProviderFailure) -> any SecretProvider {
    if let provider = open[connection.key] {
      return provider
    }
    let label = Label(connection)
    let counts = metrics[label] ?? ConnectionMetrics()
    let provider = try registry.open(connection, services, counts)
    open[connection.key] = provider
    labels[connection.key] = label
    metrics[label] = counts
    return provider
  }

  /// What the node's owner lets these connections do.
  public nonisolated var policy: NodePolicy { services.policy }

  /// The values in use, which no failure repeats.
  public nonisolated var hidden: LiveValues { services.hidden }

  /// Fetches `references` over their connection: a result each, in their order. A value that is larger than the policy lets through
  /// is let go at once. A value is among those in use from when it is there until nobody holds it.
  ///
  /// - Parameter fields: what documents take of the values.
  public func fetch(
    _ references: [Reference], taking fields: TakenFields = TakenFields([]), over connection: ProviderConnection
  ) async -> [FetchResult] {
    do throws(ProviderFailure) {
      let provider = try provider(connection)
      let watch = ValueWatch(services.hidden) { fields.values(of: $0) }
      let results = await ValueWatch.$current.withValue(watch) { await provider.fetch(references: references) }
      if keepsKnown {
        known += results.compactMap { try? $0.get().mark }
      }
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

  /// What each open connection is called: by the name of who opened it, though others may name it otherwise.
  public var openLabels: [ProviderConnection.Key: Label] { labels }

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
    known = []
  }
}
