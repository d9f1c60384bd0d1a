import Delivery
import SecretBytes

/// Env files: the text as each format's reader has it, and the text as a value that each format carries.
struct EnvironmentFileTarget: FuzzTarget {
  static let name = "EnvironmentFile"

  /// Taken is what at least one of the formats reads variables from.
  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    var isTaken = false
    for format in EnvironmentFormat.allCases {
      try checkRoundTrip([DeliveredSecret(name: "VALUE", value: input)], format)
      let secrets: [DeliveredSecret]
      do throws(DeliveryFault) {
        secrets = try EnvironmentFile.parse(input, format: format)
      } catch {
        try hold(!error.problem.isEmpty && !error.remedy.isEmpty, "a fault says what, and a way out")
        continue
      }
      try check(secrets, format)
      isTaken = isTaken || !secrets.isEmpty
    }
    return isTaken
  }

  private func check(_ secrets: [DeliveredSecret], _ format: EnvironmentFormat) throws(BrokenProperty) {
    let names = secrets.map(\.name)
    try hold(Set(names).count == names.count, "\(format.rawValue): of a repeated name the last value counts")
    try hold(names.allSatisfy(DeliveredSecret.isEnvironmentName), "\(format.rawValue): names are names")
    // JSON can say it, and no environment can carry it.
    let isWhole = format == .json || secrets.allSatisfy { $0.value.withUnsafeBytes { !$0.contains(0) } }
    try hold(isWhole, "\(format.rawValue): what a reader drops is a fault")
    try checkRoundTrip(secrets, format)
  }

  /// What the format carries reads back as it is; what it does not is refused.
  private func checkRoundTrip(_ secrets: [DeliveredSecret], _ format: EnvironmentFormat) throws(BrokenProperty) {
    guard let text = try? EnvironmentFile.render(secrets, format: format) else {
      return
    }
    let sorted = secrets.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    try hold((try? EnvironmentFile.parse(text, format: format)) == sorted, "\(format.rawValue) reads back as written")
  }
}
