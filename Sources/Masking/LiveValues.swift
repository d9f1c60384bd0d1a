import SecretBytes
import Synchronization

/// The values that are in use at present, by who uses them: what a sink of log lines hides.
public final class LiveValues: Sendable {
  private struct State {
    var values: [String: [SecretBytes]] = [:]
    var masked = MaskedValues()
    /// What changed since `masked` was made: a line costs no more than what was written between two of them.
    var added: [SecretBytes] = []
    var removed: [SecretBytes] = []
  }

  private let state = Mutex(State())

  public init() {}

  /// `owner` uses these from now on, in the place of those before; none: it uses nothing any more.
  public func set(_ values: [SecretBytes], of owner: String) {
    state.withLock { state in
      let before = state.values.updateValue(values, forKey: owner) ?? []
      if values.isEmpty {
        state.values[owner] = nil
      }
      guard before != values else {
        return
      }
      state.added += values
      state.removed += before
    }
  }

  /// What to hide now.
  public var masked: MaskedValues {
    state.withLock { state in
      if !state.added.isEmpty || !state.removed.isEmpty {
        state.masked = state.masked.changed(adding: state.added, removing: state.removed)
        state.added = []
        state.removed = []
      }
      return state.masked
    }
  }

  /// `text` with every value replaced by ``MaskedText/marker``.
  ///
  /// - Parameter isCut: it is the beginning of a longer one: then a value's beginning at its end is replaced, too.
  public func hide(in text: String, isCut: Bool = false) -> String {
    let values = masked
    guard !values.isEmpty else {
      return text
    }
    return MaskedText.masking(SecretBytes(text), hiding: values, isCut: isCut)
      .withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}
