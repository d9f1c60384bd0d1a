/// Suggests what a misspelt name was meant to be.
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

  /// `; did you mean "…"?`, or nothing.
  public static func hint(for name: String, among candidates: some Sequence<String>) -> String {
    suggestion(for: name, among: candidates).map { "; did you mean \"\($0)\"?" } ?? ""
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
