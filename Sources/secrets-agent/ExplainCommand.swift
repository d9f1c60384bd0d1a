import ArgumentParser
import ExecutionModel
import ProviderKit
import Resolution
import Text

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Shows the plan of a document: logins, calls, shared fetches, refresh times.",
    discussion: """
      Nothing is sent.

      EXAMPLES
        secrets-agent explain job.yaml
      """)

  @OptionGroup var document: DocumentOptions

  func run() throws {
    let policy = try document.loadPolicy()
    let execution = try document.loadExecution(policy: policy, variables: nil)
    let plan = ExecutionPlan(execution)
    print(PlanText(execution, plan).text, terminator: "")
  }
}

/// The plan in words.
struct PlanText {
  private(set) var text = ""
  private var callsPerDay = 0.0

  init(_ execution: Execution, _ plan: ExecutionPlan) {
    line(
      "\(ShownText.clean(execution.label)): \(Count(plan.items.count, "secret")) from \(Count(plan.groups.count, "connection"))"
    )
    for (index, group) in plan.groups.enumerated() {
      describe(group, plan.items.filter { $0.group == index }, plan)
    }
    line("")
    line("calls per day: about \(Int(callsPerDay.rounded(.up))), beside logins and renewals")
  }

  private mutating func line(_ line: String) {
    text += line + "\n"
  }

  private mutating func describe(_ group: ExecutionPlan.Group, _ items: [ExecutionPlan.Item], _ plan: ExecutionPlan) {
    let connection = group.connection
    line("")
    line("connection \(ShownText.clean(connection.name)) (\(connection.type))")
    for (name, value) in connection.values.fields.shown {
      line("  \(name): \(ShownText.clean(value, atMost: 200))")
    }
    if let method = connection.values.method {
      line("  login: one, by \(method)")
      for (name, value) in connection.values.authentication.shown {
        line("    \(name): \(ShownText.clean(value, atMost: 200))")
      }
    } else {
      line("  login: none")
    }
    let calls = Self.calls(group.references.count, connection.descriptor)
    line("  fetches: \(group.references.count), by \(Count(calls, "call"))")
    for (place, reference) in group.references.enumerated() {
      let readers = items.filter { $0.reference == place }
      line("  \(reference.description), \(refresh(readers, plan, connection))")
      for reader in readers {
        let field = reader.entry.outputs.count == 1 ? reader.entry.outputs.first?.field : nil
        let shownField = field.map { " field \(ShownText.clean($0))" } ?? ""
        let encoding = reader.entry.encoding == .raw ? "" : " as \(reader.entry.encoding.rawValue)"
        line("    \(reader.entry.outputs.map(\.name).joined(separator: ", "))\(shownField)\(encoding)")
      }
    }
  }

  /// A reference that several entries read is fetched when the first of them is due.
  private mutating func refresh(
    _ readers: [ExecutionPlan.Item], _ plan: ExecutionPlan, _ connection: ProviderConnection
  ) -> String {
    let timed = readers.compactMap { reader in plan.refreshInterval(reader).map { ($0, reader) } }
    guard let (interval, first) = timed.min(by: { $0.0 < $1.0 }) else {
      return readers.first.map { plan.refreshText($0) } ?? ""
    }
    callsPerDay += 86_400 / interval.seconds / Double(connection.descriptor.batchSize)
    return plan.refreshText(first)
  }

  private static func calls(_ references: Int, _ descriptor: ProviderDescriptor) -> Int {
    (references + descriptor.batchSize - 1) / descriptor.batchSize
  }
}
