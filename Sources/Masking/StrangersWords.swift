import SecretBytes
import Synchronization

/// A message that may hold what a server, a file or a command said. Whenever it is read, it has none of the values that are in use by then
/// or were at an earlier reading: what a store repeats may be fetched only later.
public final class StrangersWords: Sendable {
  private struct State {
    var text: String
    /// Which values are hidden in it; `nil`: none yet.
    var serial: UInt64?
  }

  private let state: Mutex<State>
  private let live: LiveValues?

  /// - Parameter live: the values in use; `nil`: there is nobody who knows them.
  public init(_ text: String, hiding live: LiveValues?) {
    state = Mutex(State(text: text))
    self.live = live
  }

  public var text: String {
    state.withLock { state in
      if let live {
        (state.text, state.serial) = live.hide(in: state.text, searched: state.serial)
      }
      return state.text
    }
  }
}

extension MaskedValues {
  private static let cut: Character = "…"
  /// Bytes of a value's beginning before a cut. Fewer begin many a word by chance, or are of all such values: AWS's key ids begin AKIA.
  private static let shortestBeginning = 5

  /// `text` with every value replaced by ``MaskedText/marker``. Where something cut it off (`…`), a value's beginning before that is
  /// replaced, too.
  func hide(in text: String) -> String {
    guard !isEmpty else {
      return text
    }
    let whole = hide(in: text, isCut: false)
    guard whole.contains(Self.cut) else {
      return whole
    }
    let parts = whole.split(separator: Self.cut, omittingEmptySubsequences: false)
    return parts.enumerated().map { $0 < parts.count - 1 ? hide(beforeCut: String($1)) : String($1) }
      .joined(separator: String(Self.cut))
  }

  /// - Parameter text: without any whole value.
  private func hide(beforeCut text: String) -> String {
    let hidden = hide(in: text, isCut: true)
    let replaced = text.utf8.count - (hidden.utf8.count - MaskedText.marker.utf8.count)
    return replaced < Self.shortestBeginning ? text : hidden
  }

  private func hide(in text: String, isCut: Bool) -> String {
    MaskedText.masking(SecretBytes(text), hiding: self, isCut: isCut)
      .withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}
