import ExecutionModel

/// What every source of executions lists now, in the order in which sources take precedence.
struct SourceListings {
  private var lists: [(source: String, items: [String: ExecutionDocument.Item])]
  /// What a source lists but cannot read, by source and id.
  private(set) var unreadable: [String: [String: String]] = [:]
  /// Why a source could not be asked.
  private(set) var failures: [String: String] = [:]
  private var heard: Set<String> = []

  init(_ sources: [String]) {
    lists = sources.map { ($0, [:]) }
  }

  var sources: [String] { lists.map(\.source) }

  /// Sources that have not answered yet, so that what they list is not known.
  var unheard: [String] { sources.filter { !heard.contains($0) } }

  /// Whether every source was heard at least once, so that what nobody lists is known to be unwanted.
  var hasHeardAll: Bool { unheard.isEmpty }

  /// Who lists `id`, and as what.
  func listing(of id: String) -> (source: String, item: ExecutionDocument.Item)? {
    for list in lists {
      if let item = list.items[id] {
        return (list.source, item)
      }
    }
    return nil
  }

  /// Who else than `source` lists `id`, whether or not it can be read.
  func source(of id: String, otherThan source: String) -> String? {
    lists.first { $0.source != source && ($0.items[id] != nil || unreadable[$0.source]?[id] != nil) }?.source
  }

  func ids(of source: String) -> Set<String> {
    Set(lists.first { $0.source == source }?.items.keys.map { $0 } ?? [])
  }

  /// Takes a report in.
  ///
  /// - Returns: the executions that it says something new of.
  mutating func note(_ report: SourceReport) -> Set<String> {
    failures[report.source] = report.failure
    unreadable[report.source] = report.unreadable
    let place = lists.firstIndex { $0.source == report.source } ?? lists.count
    if place == lists.count {
      lists.append((report.source, [:]))
    }
    var touched = report.left
    for (id, item) in report.listed {
      let before = lists[place].items[id]
      // An execution may come without its job spec; what is known of that stays.
      let whole = before.map { item.completed(by: $0) } ?? item
      if before.map({ !whole.readsTheSame(as: $0) }) ?? true {
        lists[place].items[id] = whole
        touched.insert(id)
      }
    }
    for id in report.left {
      lists[place].items[id] = nil
    }
    return touched
  }

  /// What the report says is taken in.
  mutating func hear(_ report: SourceReport) {
    if report.failure == nil, report.isComplete {
      heard.insert(report.source)
    }
  }

  /// Keeps what `sources` list, each of which has to be heard anew.
  ///
  /// - Returns: what the sources listed that are gone.
  mutating func reconfigure(_ sources: [String]) -> [String] {
    let gone = lists.filter { !sources.contains($0.source) }.flatMap(\.items.keys)
    lists = sources.map { source in lists.first { $0.source == source } ?? (source, [:]) }
    failures = failures.filter { sources.contains($0.key) }
    unreadable = unreadable.filter { sources.contains($0.key) }
    heard = []
    return gone
  }
}
