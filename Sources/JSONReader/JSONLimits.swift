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
  /// Whether U+FEFF at the start is passed over, as jq and Python's `json` do. Places are then counted from behind it.
  public var skipsByteOrderMark: Bool
  /// Whether a string may hold half of a surrogate pair (`"\ud800"`). It has no text then; all else is read as if it were whole.
  public var allowsLoneSurrogates: Bool

  public init(
    maximumBytes: Int = 16 << 20, maximumDepth: Int = 64, duplicateKeys: DuplicateKeys = .rejected,
    skipsByteOrderMark: Bool = false, allowsLoneSurrogates: Bool = false
  ) {
    self.maximumBytes = maximumBytes
    self.maximumDepth = maximumDepth
    self.duplicateKeys = duplicateKeys
    self.skipsByteOrderMark = skipsByteOrderMark
    self.allowsLoneSurrogates = allowsLoneSurrogates
  }

  /// For what people write: 16 MiB, 64 levels, no duplicate names.
  public static let document = JSONLimits(duplicateKeys: .rejected)
  /// For what stores answer: 16 MiB, 64 levels, the last of duplicate names counts.
  public static let payload = JSONLimits(duplicateKeys: .lastWins)
  /// For what people keep in a store, by whatever editor: as ``payload``, and a byte order mark is passed over, and half of a
  /// surrogate pair spoils only the string that it stands in.
  public static let storedValue = JSONLimits(
    duplicateKeys: .lastWins, skipsByteOrderMark: true, allowsLoneSurrogates: true)

  /// `maximumBytes`, within what a tape can address.
  package var effectiveBytes: Int { max(0, min(maximumBytes, JSONWord.largestOffset)) }
}
