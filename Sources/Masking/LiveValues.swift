import SecretBytes
import Synchronization

/// The values that are in use at present, by who uses them: what sinks of log lines hide, and what no stranger's words repeat.
public final class LiveValues: Sendable {
  private struct State {
    var values: [String: [SecretBytes]] = [:]
    var masked = MaskedValues()
    /// What changed since `masked` was made: a line costs no more than what was written between two of them.
    var added: [SecretBytes] = []
    var removed: [SecretBytes] = []
    /// Texts without any of `masked`: thousands of failures say the same.
    var clean: Set<String> = []

    mutating func settle() {
      guard !added.isEmpty || !removed.isEmpty else {
        return
      }
      let changed = masked.changed(adding: added, removing: removed)
      if changed !== masked {
        masked = changed
        clean = []
      }
      added = []
      removed = []
    }

    mutating func note(clean text: String, of searched: MaskedValues) {
      if searched === masked, clean.count < 1000, text.utf8.count <= 1000 {
        clean.insert(text)
      }
    }
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
      if !before.isEmpty {
        state.settle()
      }
    }
  }

  /// These are in use as long as somebody holds what is returned.
  public func note(_ values: [SecretBytes]) -> LiveMark {
    state.withLock { $0.added += values }
    return LiveMark(values, in: self)
  }

  /// What a mark held is in use no more. It is let go, and so wiped, by ``settle()`` at the latest; at once where it is much of the whole,
  /// so that thousands that go one by one do not cost thousands of copies.
  fileprivate func forget(_ values: [SecretBytes]) {
    state.withLock { state in
      state.removed += values
      if state.removed.count * 2 >= state.masked.patterns.count + state.added.count {
        state.settle()
      }
    }
  }

  /// Lets go of what is in use no more.
  public func settle() {
    state.withLock { state in
      if !state.removed.isEmpty {
        state.settle()
      }
    }
  }

  /// How many values and lines of values it has in memory.
  var held: Int { state.withLock { $0.masked.patterns.count + $0.added.count + $0.removed.count } }

  /// What to hide now.
  public var masked: MaskedValues {
    state.withLock { state in
      state.settle()
      return state.masked
    }
  }

  /// `text` with every value replaced by ``MaskedText/marker``. Where something cut it off (`…`), a value's beginning before that is
  /// replaced, too.
  public func hide(in text: String) -> String { hide(in: text, searched: nil).text }

  /// - Parameter serial: of the values that are known not to be in it.
  /// - Returns: the text, and which values are not in it.
  func hide(in text: String, searched serial: UInt64?) -> (text: String, serial: UInt64) {
    let (masked, isClean) = state.withLock { state in
      state.settle()
      return (state.masked, state.masked.serial == serial || state.clean.contains(text))
    }
    guard !isClean else {
      return (text, masked.serial)
    }
    let hidden = masked.hide(in: text)
    if hidden == text {
      state.withLock { $0.note(clean: text, of: masked) }
    }
    return (hidden, masked.serial)
  }
}

/// Keeps values among those in use.
public final class LiveMark: Sendable {
  private let values: [SecretBytes]
  private let live: LiveValues

  fileprivate init(_ values: [SecretBytes], in live: LiveValues) {
    self.values = values
    self.live = live
  }

  deinit { live.forget(values) }
}
