import Masking
import SecretBytes
import Synchronization

/// Credentials that a connection read or sent, which no message may repeat, should a server's words do so. They are among the values in
/// use while the connection may send them, so that the log hides them whoever repeats them.
final class WithheldCredentials: Sendable {
  /// Tokens are replaced by the hour; of a connection's few credentials this many are enough.
  static let most = 32
  /// What is shorter would be found in any text.
  static let shortest = 4
  /// So many bytes in a row of a longer credential count as the whole: a server may cut it, mask it or wrap it.
  static let telling = 8

  private struct Held {
    let credential: SecretBytes
    let mark: LiveMark?
  }

  private let held = Mutex<[Held]>([])
  private let hidden: LiveValues?

  /// - Parameter hidden: told of all that are long enough to be no chance in other texts.
  init(hiding hidden: LiveValues? = nil) {
    self.hidden = hidden
  }

  func add(_ credential: SecretBytes) {
    guard credential.count >= Self.shortest else {
      return
    }
    held.withLock { held in
      guard !held.contains(where: { $0.credential == credential }) else {
        return
      }
      if held.count == Self.most {
        held.removeFirst()
      }
      let mark = credential.count >= Self.telling ? hidden?.note([credential.detached()]) : nil
      held.append(Held(credential: credential, mark: mark))
    }
  }

  func isRepeated(in text: String) -> Bool { withheld(from: text) != text }

  /// `text` without any of them, nor a part of one, whatever its case and the white space in it.
  func withheld(from text: String) -> String {
    var letters: [(byte: UInt8, place: Int)] = []
    let bytes = Array(text.utf8)
    for (place, byte) in bytes.enumerated() where !Self.isSpace(byte) {
      letters.append((Self.folded(byte), place))
    }
    var isWithheld = [Bool](repeating: false, count: bytes.count)
    for credential in held.withLock({ $0.map(\.credential) }) {
      let secret = credential.withUnsafeBytes { $0.filter { !Self.isSpace($0) }.map(Self.folded) }
      Self.mark(secret, in: letters, &isWithheld)
    }
    guard isWithheld.contains(true) else {
      return text
    }
    return Self.text(bytes, without: isWithheld)
  }

  /// Marks the places of every run of `letters` that is one of `secret`, as long as ``telling`` or the whole of it.
  private static func mark(_ secret: [UInt8], in letters: [(byte: UInt8, place: Int)], _ isWithheld: inout [Bool]) {
    let length = min(telling, secret.count)
    guard length >= shortest, letters.count >= length else {
      return
    }
    let runs = Set((0...secret.count - length).map { key(secret[$0..<$0 + length]) })
    for start in 0...letters.count - length {
      let run = letters[start..<start + length]
      if runs.contains(key(run.lazy.map(\.byte))), let first = run.first, let last = run.last {
        for place in first.place...last.place {
          isWithheld[place] = true
        }
      }
    }
  }

  private static func key(_ run: some Sequence<UInt8>) -> UInt64 { run.reduce(0) { $0 << 8 | UInt64($1) } }

  private static func text(_ bytes: [UInt8], without isWithheld: [Bool]) -> String {
    var kept: [UInt8] = []
    for (place, byte) in bytes.enumerated() {
      if !isWithheld[place] {
        kept.append(byte)
      } else if place == 0 || !isWithheld[place - 1] {
        kept += "<redacted>".utf8
      }
    }
    return String(decoding: kept, as: UTF8.self)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte <= 0x20 }

  private static func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte + 0x20 : byte }
}
