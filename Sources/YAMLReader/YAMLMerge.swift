import JSONReader

extension YAMLExpansion {
  typealias Member = (key: Int, value: Int)

  /// The members of a mapping, with `<<` (https://yaml.org/type/merge.html) replaced by what it merges: its own first, then
  /// those of the merged mappings that it has not.
  mutating func members(of mapping: Int, depth: Int) throws(JSONFault) -> ContiguousArray<Member> {
    var members: ContiguousArray<Member> = []
    var merged: ContiguousArray<Member> = []
    var key = mapping + 1
    while key < nodes[mapping].range.upperBound {
      try checkKey(key)
      if isMergeKey(key) {
        merged.append((key, key + 1))
      } else {
        members.append((key, key + 1))
      }
      key = next(after: next(after: key))
    }
    if merged.isEmpty {
      // The JSON reader sees to duplicates.
      return members
    }
    if merged.count > 1, duplicateKeys == .rejected {
      throw fault(.duplicateName, merged[1].key)
    }
    return try merge(merged, into: members, depth: depth)
  }

  private mutating func merge(
    _ merged: ContiguousArray<Member>, into own: ContiguousArray<Member>, depth: Int
  ) throws(JSONFault) -> ContiguousArray<Member> {
    guard depth < maximumDepth else {
      throw fault(.tooDeep(maximumDepth: maximumDepth), merged[0].key)
    }
    var members: ContiguousArray<Member> = []
    var seen: [[UInt8]: Int] = [:]
    try add(own, to: &members, &seen)
    for merge in merged {
      for mapping in try mappings(of: merge.value) {
        var others: ContiguousArray<Member> = []
        var names: [[UInt8]: Int] = [:]
        try add(try self.members(of: mapping, depth: depth + 1), to: &others, &names)
        for other in others where seen.updateValue(0, forKey: Array(text(target(of: other.key)))) == nil {
          members.append(other)
        }
      }
    }
    return members
  }

  /// Appends members that are one mapping's own: of two with one name the limits decide.
  private mutating func add(
    _ own: ContiguousArray<Member>, to members: inout ContiguousArray<Member>, _ seen: inout [[UInt8]: Int]
  ) throws(JSONFault) {
    for member in own {
      let name = text(target(of: member.key))
      try charge(name.count, member.key)
      if let earlier = seen.updateValue(members.count, forKey: Array(name)) {
        if duplicateKeys == .rejected {
          throw fault(.duplicateName, member.key)
        }
        members[earlier] = member
        seen[Array(name)] = earlier
        continue
      }
      members.append(member)
    }
  }

  /// A mapping that merges the same one many times, level upon level, writes little and works much: the work has the same limit.
  private mutating func charge(_ bytes: Int, _ key: Int) throws(JSONFault) {
    mergeCost += bytes + 16
    if mergeCost > maximumAliasBytes {
      throw fault(YAMLReader.tooMuchAliased(maximumAliasBytes), key)
    }
  }

  private mutating func mappings(of value: Int) throws(JSONFault) -> ContiguousArray<Int> {
    let index = target(of: value)
    var mappings: ContiguousArray<Int> = []
    switch nodes[index].kind {
    case .mapping:
      mappings.append(index)
    case .sequence:
      var child = index + 1
      while child < nodes[index].range.upperBound {
        try charge(0, child)
        let mapping = target(of: child)
        guard case .mapping = nodes[mapping].kind else {
          throw fault(Self.notMergeable, child)
        }
        mappings.append(mapping)
        child = next(after: child)
      }
    case .scalar, .alias:
      throw fault(Self.notMergeable, value)
    }
    return mappings
  }

  private static var notMergeable: JSONFault.Reason {
    .syntax("'<<' takes a mapping or a list of mappings")
  }

  private func isMergeKey(_ key: Int) -> Bool {
    guard case .scalar(.resolved) = nodes[key].kind else {
      return false
    }
    return text(key).elementsEqual("<<".utf8)
  }

  private func checkKey(_ key: Int) throws(JSONFault) {
    let index = target(of: key)
    guard case .scalar(let type) = nodes[index].kind else {
      throw fault(.syntax("a key must be text, not a list or a mapping"), key)
    }
    if case .resolved = type, nodes[index].range.isEmpty {
      throw fault(.syntax("the key before ':' is missing"), key)
    }
  }
}
