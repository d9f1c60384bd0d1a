import Text

/// What is wrong, each cause once, however many secrets or executions share it.
struct ProblemList {
  struct Problem: Equatable {
    /// Whose it is: `source folder /d`, `web/DB_PASSWORD`, `21 secrets (web/A, web/B, web/C and 18 more)`.
    let subject: String
    let text: String
  }

  /// Secrets of one execution whose failures are looked for in the execution's own problems, which tell of the first ones.
  private static let compared = 50

  let all: [Problem]

  init(_ status: StatusDocument) {
    all = Self.ofSources(status) + Self.ofConnections(status) + Self.ofSecrets(status) + Self.ofExecutions(status)
  }

  private static func ofSources(_ status: StatusDocument) -> [Problem] {
    let failing = status.sourceFailures.sorted { $0.key < $1.key }.map { source, reason in
      Problem(subject: "source \(ShownText.clean(source))", text: reason)
    }
    let unheard = status.unheard.filter { status.sourceFailures[$0] == nil }.map { source in
      Problem(subject: "source \(ShownText.clean(source))", text: "not heard yet")
    }
    let unreadable = status.otherUnreadable.map { source, id, reason in
      Problem(subject: "\(ShownText.clean(id)) of \(ShownText.clean(source))", text: reason)
    }
    return failing + unheard + unreadable
  }

  private static func ofConnections(_ status: StatusDocument) -> [Problem] {
    status.openBreakers.sorted().map {
      Problem(
        subject: "provider \(ShownText.clean($0.shown, atMost: 160))",
        text: "gives no answer, and is asked again after a pause")
    }
  }

  private static func ofSecrets(_ status: StatusDocument) -> [Problem] {
    typealias Failing = (name: String, fault: SecretFault, failures: Int)
    var groups: [[Failing]] = []
    var places: [String: Int] = [:]
    for execution in status.executions {
      for secret in execution.secrets {
        guard let fault = secret.fault else {
          continue
        }
        let name = "\(ShownText.clean(execution.id))/\(ShownText.clean(secret.name))"
        let place = places[fault.cause] ?? groups.count
        if place == groups.count {
          places[fault.cause] = place
          groups.append([])
        }
        groups[place].append((name, fault, secret.failures))
      }
    }
    return groups.compactMap { group in
      guard let first = group.first else {
        return nil
      }
      let inARow = group.lazy.map(\.failures).max() ?? 0
      let count = inARow > 1 ? " (\(inARow) in a row)" : ""
      return group.count == 1
        ? Problem(subject: first.name, text: first.fault.line + count)
        : Problem(
          subject: "\(group.count) secrets (\(ShownText.list(group.map(\.name))))", text: first.fault.cause + count)
    }
  }

  private static func ofExecutions(_ status: StatusDocument) -> [Problem] {
    let own = status.executions.flatMap { execution in
      guard !execution.problems.isEmpty else {
        return [Problem]()
      }
      // What its secrets say already is not said again.
      let said = execution.secrets.lazy.compactMap(\.fault).prefix(compared).flatMap { [$0.line, $0.cause] }
      return execution.problems.filter { problem in !said.contains { problem.contains($0) } }.map {
        Problem(subject: ShownText.clean(execution.id), text: $0)
      }
    }
    let left = status.unremoved.sorted { $0.key < $1.key }.map { id, reason in
      Problem(subject: ShownText.clean(id), text: "gone, but its outputs could not be removed: \(reason)")
    }
    return own + left
  }
}

extension StatusPage {
  /// Nothing where all is well.
  mutating func addProblems() {
    let problems = ProblemList(status).all
    guard !problems.isEmpty else {
      return
    }
    html.markup("<section class=\"card\" aria-labelledby=\"problems\">\n<h2 id=\"problems\">Problems</h2>\n")
    html.markup("<ul class=\"problems\">\n")
    for problem in problems.prefix(Self.mostProblems) {
      html.element("<li><b>", problem.subject, "</b> ")
      html.element("", problem.text, "</li>\n")
    }
    html.markup("</ul>\n")
    addRest(max(problems.count - Self.mostProblems, 0))
    html.markup("</section>\n")
  }
}
