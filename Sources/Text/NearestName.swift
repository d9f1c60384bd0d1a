/// Suggests what a misspelt or shortened name was meant to be.
public enum NearestName {
  /// The candidate with the fewest edits from `name`, if few enough to be a likely slip; `nil` otherwise.
  public static func suggestion(for name: String, among candidates: some Sequence<String>) -> String? {
    let letters = Array(name.lowercased().utf8)
    // The table costs length times length; a hostile name of 16 MiB gets no suggestion.
    guard letters.count <= 64 else {
      return nil
    }
    var best: (name: String, distance: Int)?
    for candidate in candidates where candidate.utf8.count <= 64 {
      let distance = edits(letters, Array(candidate.lowercased().utf8))
      if distance <= max(2, candidate.utf8.count / 3), distance < best?.distance ?? .max {
        best = (candidate, distance)
      }
    }
    return best?.name
  }

  /// `; did you mean "…"?`, or nothing. Where no candidate is near, those that have `name` among their words are named, as
  /// `hashicorp_vault` and `azure_key_vault` have `vault`, if they are few.
  public static func hint(for name: String, among candidates: some Sequence<String>) -> String {
    let meant = suggestion(for: name, among: candidates).map { [$0] } ?? having(name, among: candidates)
    guard let last = meant.last, meant.count <= 3 else {
      return ""
    }
    let others = meant.dropLast().map { "\"\($0)\"" }.joined(separator: ", ")
    return "; did you mean \(others.isEmpty ? "" : "\(others) or ")\"\(last)\"?"
  }

  private static func having(_ word: String, among candidates: some Sequence<String>) -> [String] {
    guard (3...64).contains(word.utf8.count) else {
      return []
    }
    let word = word.lowercased()
    return candidates.filter { candidate in
      candidate.utf8.count <= 64 && candidate.lowercased().split(separator: "_").contains { $0 == word }
    }
  }

  /// Levenshtein distance by the two-row method.
  private static func edits(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var previous = Array(0...b.count)
    for (row, left) in a.enumerated() {
      var current = [row + 1]
      for (column, right) in b.enumerated() {
        let substitution = previous[column] + (left == right ? 0 : 1)
        current.append(min(substitution, previous[column + 1] + 1, current[column] + 1))
      }
      previous = current
    }
    return previous[b.count]
  }
}
