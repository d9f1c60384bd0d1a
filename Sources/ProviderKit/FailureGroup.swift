import Text

/// Failures that say the same of several subjects: what many share, as a server that is down, is told once and not once a secret.
public struct FailureGroup<Subject: Sendable>: Sendable {
  /// What has no value, and why.
  public typealias Member = (subject: Subject, failure: ProviderFailure)

  /// How many make one line; fewer are told each by itself, with its own reference.
  private static var fewest: Int { 4 }

  /// At least one, in the order in which they were given.
  public private(set) var members: [Member]

  /// `failures` by what they say apart from their reference, in the order of the first ones.
  public static func grouped(_ failures: some Sequence<Member>) -> [FailureGroup] {
    var places: [String: Int] = [:]
    var groups: [FailureGroup] = []
    for member in failures {
      let cause = member.failure.cause
      if let place = places[cause] {
        groups[place].members.append(member)
      } else {
        places[cause] = groups.count
        groups.append(FailureGroup(members: [member]))
      }
    }
    return groups
  }

  /// The group in the parts that are told: all of it at once where there are many, or all that waited for one login, which has no
  /// reference; else each member by itself.
  public var told: [FailureGroup] {
    let isOne =
      members.count >= Self.fewest || (members.count > 1 && members.allSatisfy { $0.failure.reference == nil })
    return isOne ? [self] : members.map { FailureGroup(members: [$0]) }
  }

  /// One line: that of the only member, or `21 secrets (A, B, C and 18 more): provider vault: …`.
  ///
  /// - Parameters:
  ///   - noun: what the subjects are, in the plural.
  ///   - name: what one of many is called.
  ///   - single: the line of one by itself.
  public func line(_ noun: String, name: (Subject) -> String, single: (Member) -> String) -> String {
    guard let first = members.first, members.count > 1 else {
      return members.first.map(single) ?? ""
    }
    return "\(members.count) \(noun) (\(ShownText.list(members.map { name($0.subject) }))): \(first.failure.cause)"
  }
}

extension ProviderFailure {
  /// ``line`` without the reference, by which failures of several references can be told to be the same.
  public var cause: String { about(nil).line }
}
