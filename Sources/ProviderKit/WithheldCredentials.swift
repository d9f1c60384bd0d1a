import SecretBytes
import Synchronization

/// Credentials that a connection read or sent, which no message may repeat, should a server's words do so.
final class WithheldCredentials: Sendable {
  /// Tokens are replaced by the hour; of a connection's few credentials this many are enough.
  static let most = 32
  /// What is shorter would be found in any text.
  static let shortest = 4
  /// A message is cut somewhere, so that the beginning of a credential counts as the whole.
  static let beginning = 12

  private let held = Mutex<[SecretBytes]>([])

  func add(_ credential: SecretBytes) {
    guard credential.count >= Self.shortest else {
      return
    }
    held.withLock { held in
      guard !held.contains(credential) else {
        return
      }
      if held.count == Self.most {
        held.removeFirst()
      }
      held.append(credential)
    }
  }

  func isRepeated(in text: String) -> Bool {
    held.withLock { $0 }.contains { secret in secret.unsafeString().map { text.contains($0) } ?? false }
  }

  /// `text` without any of them, nor the beginning of one.
  func withheld(from text: String) -> String {
    var text = text
    for credential in held.withLock({ $0 }).compactMap({ $0.unsafeString() }) {
      text = text.replacing(credential, with: "<redacted>")
      if credential.utf8.count > Self.beginning, let start = text.firstRange(of: credential.prefix(Self.beginning)) {
        text = text[..<start.lowerBound] + "<redacted>…"
      }
    }
    return text
  }
}
