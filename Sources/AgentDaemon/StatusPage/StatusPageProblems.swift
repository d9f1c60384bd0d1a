import ProviderKit
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
    let unreadable = status.unreadable.sorted { $0.key < $1.key }.flatMap { source, entries in
      entries.sorted { $0.key < $1.key }.map { id, reason in
        Problem(subject: "\(ShownText.clean(id)) of \(ShownText.clean(source))", text: reason)
      }
    }
    return failing + unheard + unreadable
  }

  private static func ofConnections(_ status: StatusDocument) -> [Problem] {
    status.openBreakers.sorted().map {
      Problem(
        subject: "provider \(ShownText.clean($0))", text: "gives no answer, and is asked again after a pause")
    }
  }

  private static func ofSecrets(_ status: StatusDocument) -> [Problem] {
    typealias Subject = (name: String, failures: Int)
    let failures = status.executions.lazy.flatMap { execution in
      execution.secrets.lazy.compactMap { secret -> FailureGroup<Subject>.Member? in
        let name = "\(ShownText.clean(execution.id))/\(ShownText.clean(secret.name))"
        return secret.failure.map { ((name, secret.failures), $0) }
      }
    }
    return FailureGroup.grouped(failures).compactMap { group in
      guard let first = group.members.first else {
        return nil
      }
      let inARow = group.members.lazy.map(\.subject.failures).max() ?? 0
      let count = inARow > 1 ? " (\(inARow) in a row)" : ""
      return group.members.count == 1
        ? Problem(subject: first.subject.name, text: first.failure.line + count)
        : Problem(
          subject: "\(group.members.count) secrets (\(ShownText.list(group.members.map(\.subject.name))))",
          text: first.failure.cause + count)
    }
  }

  private static func ofExecutions(_ status: StatusDocument) -> [Problem] {
    let own = status.executions.flatMap { execution in
      guard !execution.problems.isEmpty else {
        return [Problem]()
      }
      // What its secrets say already is not said again.
      let said = execution.secrets.lazy.compactMap(\.failure).prefix(compared).flatMap { [$0.line, $0.cause] }
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
