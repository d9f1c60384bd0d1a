/// How much of a document is accepted.
public struct JSONLimits: Sendable {
  /// What two members of one object with the same name (compared as decoded bytes) are.
  public enum DuplicateKeys: Sendable {
    /// A fault: for documents that people write.
    case rejected
    /// The last one counts, as most parsers have it: for what stores answer.
    case lastWins
  }

  /// Size of the document in bytes; for YAML also of its JSON form with all aliases expanded.
  /// Whatever is set, no more than 1 GiB − 1 is read: offsets are kept in 30 bits.
  public var maximumBytes: Int
  /// Arrays and objects inside each other; a document that is one scalar has depth 0.
  public var maximumDepth: Int
  public var duplicateKeys: DuplicateKeys

  public init(maximumBytes: Int = 16 << 20, maximumDepth: Int = 64, duplicateKeys: DuplicateKeys = .rejected) {
    self.maximumBytes = maximumBytes
    self.maximumDepth = maximumDepth
    self.duplicateKeys = duplicateKeys
  }

  /// For what people write: 16 MiB, 64 levels, no duplicate names.
  public static let document = JSONLimits(duplicateKeys: .rejected)
  /// For what stores answer: 16 MiB, 64 levels, the last of duplicate names counts.
  public static let payload = JSONLimits(duplicateKeys: .lastWins)

  /// `maximumBytes`, within what a tape can address.
  package var effectiveBytes: Int { max(0, min(maximumBytes, JSONWord.largestOffset)) }
}
