import Text

/// What is wrong, a line for each cause, however many secrets or executions share it.
struct StatusProblems {
  /// A cause, and whose it is.
  private struct Shared {
    let noun: String
    let cause: String
    /// What one alone says, where it says more.
    let alone: String
    var subjects: [String] = []
    var failures: Int64 = 0
  }

  private var shared: [Shared] = []
  private var places: [String: Int] = [:]

  init(_ report: StatusReport) {
    for problem in report.problems {
      add(problem.subject, problem.noun, problem.text)
    }
    for execution in report.executions {
      for secret in execution.secrets {
        if let error = secret.error {
          let name = "\(execution.id)/\(secret.name)"
          add(name, "secrets", secret.cause ?? error, alone: error, failures: secret.failuresInARow)
        }
      }
    }
    for execution in report.executions {
      // What its secrets say already is not said again.
      let known = execution.secrets.flatMap { [$0.error, $0.cause] }.compactMap { $0 }
      for problem in execution.problems where !known.contains(where: { problem.contains($0) }) {
        add(execution.id, "executions", problem)
      }
    }
  }

  private mutating func add(
    _ subject: String, _ noun: String, _ cause: String, alone: String? = nil, failures: Int64 = 0
  ) {
    let key = "\(noun) \(cause)"
    let place = places[key] ?? shared.count
    if place == shared.count {
      places[key] = place
      shared.append(Shared(noun: noun, cause: cause, alone: alone ?? cause))
    }
    shared[place].subjects.append(subject)
    shared[place].failures = max(shared[place].failures, failures)
  }

  var lines: [StatusLine] {
    shared.map { one in
      let text =
        if one.subjects.count > 1 {
          "\(one.subjects.count) \(one.noun) (\(ShownText.list(one.subjects))): \(one.cause)"
        } else {
          "\(one.subjects.first ?? ""): \(one.alone)"
        }
      let count = one.failures > 1 ? " (\(one.failures) in a row)" : ""
      return StatusLine([.init(text: "! ", style: .bad), .init(text: text + count, style: .plain)])
    }
  }
}
