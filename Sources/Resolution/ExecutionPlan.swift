import ExecutionModel
import ProviderKit
import Text

/// What has to be fetched for one execution: the unique references, grouped by connection, and which entry reads which.
public struct ExecutionPlan: Sendable {
  /// One connection with everything that is fetched over it.
  public struct Group: Sendable {
    public let connection: ProviderConnection
    public internal(set) var references: [Reference]
    /// The fields that are taken of each.
    public internal(set) var fields: [Set<String>]
  }

  /// One entry and the reference that it reads.
  public struct Item: Sendable {
    public let entry: SecretEntry
    public let group: Int
    public let reference: Int
  }

  /// In the order in which entries first name them; connections that differ in their names only are one group.
  public let groups: [Group]
  /// In the document's order.
  public let items: [Item]

  public init(_ execution: Execution) {
    let connections = Dictionary(execution.providers.map { ($0.name, $0) }) { first, _ in first }
    var groups: [Group] = []
    var items: [Item] = []
    var groupOf: [ProviderConnection.Key: Int] = [:]
    var placeOf: [Reference: Int] = [:]
    for entry in execution.secrets {
      guard let connection = connections[entry.from] else {
        continue
      }
      let group = groupOf[connection.key] ?? groups.count
      if group == groups.count {
        groupOf[connection.key] = group
        groups.append(Group(connection: connection, references: [], fields: []))
      }
      let reference = entry.reference
      let place = placeOf[reference] ?? groups[group].references.count
      if place == groups[group].references.count {
        placeOf[reference] = place
        groups[group].references.append(reference)
        groups[group].fields.append([])
      }
      groups[group].fields[place].formUnion(entry.fields)
      items.append(Item(entry: entry, group: group, reference: place))
    }
    self.groups = groups
    self.items = items
  }

  /// How often `item` is fetched; `nil` where it is pinned or watched or follows the value's own life.
  public func refreshInterval(_ item: Item) -> GoDuration? {
    let descriptor = groups[item.group].connection.descriptor
    guard !item.entry.reference.isPinned else {
      return nil
    }
    if let refresh = item.entry.refresh {
      return refresh
    }
    if case .every(let seconds) = descriptor.refreshDefault {
      return GoDuration(nanoseconds: seconds * 1_000_000_000)
    }
    return nil
  }

  /// When `item` is fetched again, in words.
  public func refreshText(_ item: Item) -> String {
    guard let interval = refreshInterval(item) else {
      switch groups[item.group].connection.descriptor.refreshDefault {
      case .watched: return "fetched when it changes"
      case .halfOfRemainingLife: return "fetched again at half of what remains of its life"
      case .every: return "pinned, never fetched again"
      }
    }
    return "fetched again every \(interval)"
  }
}
