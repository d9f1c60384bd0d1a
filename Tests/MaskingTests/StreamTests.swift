import Foundation
import SecretBytes
import Testing

@testable import Masking

struct StreamTests {
  private static let value = "s3cr3t \"p%ss\" with/é+ends"

  private func values(_ values: [String]) -> MaskedValues { MaskedValues(values.map { SecretBytes($0) }) }

  private func text(_ bytes: SecretBytes) -> String { bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }

  /// All of it, in the pieces given.
  private func stream(_ pieces: [[UInt8]], _ values: MaskedValues, pausing: Bool = false) -> String {
    var masked = MaskedText(hiding: values)
    var result: [UInt8] = []
    for piece in pieces {
      masked.take(SecretBytes(piece)).withUnsafeBytes { result += $0 }
      if pausing {
        masked.pause().withUnsafeBytes { result += $0 }
      }
    }
    masked.finish().withUnsafeBytes { result += $0 }
    return String(decoding: result, as: UTF8.self)
  }

  private static func forms(of value: String) -> [String] {
    let data = Data(value.utf8)
    let json = String(decoding: (try? JSONEncoder().encode(value)) ?? Data(), as: UTF8.self)
    return [
      value, data.base64EncodedString(), Data(("user:" + value).utf8).base64EncodedString(),
      data.base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed]),
      value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "", String(json.dropFirst().dropLast()),
    ]
  }

  @Test(arguments: forms(of: value))
  func aValueCutAnywhereIsMaskedAsAWholeOneIs(form: String) {
    let hidden = values([Self.value])
    let bytes = Array("before: \(form) after\n".utf8)
    let whole = stream([bytes], hidden)
    #expect(whole.contains("<redacted>"))
    for cut in 0...bytes.count {
      #expect(stream([Array(bytes[..<cut]), Array(bytes[cut...])], hidden) == whole, "\(cut)")
    }
    #expect(stream(bytes.map { [$0] }, hidden) == whole)
  }

  @Test func nothingIsHeldThatIsNoBeginningOfAValue() {
    var masked = MaskedText(hiding: values(["hunter22"]))
    #expect(text(masked.take(SecretBytes("Password: "))) == "Password: ")
    #expect(text(masked.take(SecretBytes("$ "))) == "$ ")
    // The first line of a value may be on the next line, in base64 too, but not of this text.
    #expect(text(masked.take(SecretBytes("Continue? [y/N] "))) == "Continue? [y/N] ")
    #expect(text(masked.take(SecretBytes("is it hun"))) == "is it ")
    #expect(text(masked.take(SecretBytes("gry?"))) == "hungry?")
  }

  @Test func whatMayBeABeginningIsShownAfterAPauseWhereItIsShorterThanAnyValue() {
    var masked = MaskedText(hiding: values(["hunter22"]))
    #expect(text(masked.take(SecretBytes("name: hu"))) == "name: ")
    #expect(text(masked.pause()) == "hu")
    #expect(text(masked.pause()) == "")
    // And its rest is masked all the same.
    #expect(text(masked.take(SecretBytes("nter22 x"))) == "<redacted> x")
  }

  @Test func fourBytesOfAValueAreNotShownHoweverLongThePause() {
    var masked = MaskedText(hiding: values(["hunter22"]))
    #expect(text(masked.take(SecretBytes("name: hunter"))) == "name: ")
    #expect(text(masked.pause()) == "")
    #expect(text(masked.take(SecretBytes("s"))) == "hunters")
    #expect(text(masked.take(SecretBytes("hunter2"))) == "")
    #expect(text(masked.finish()) == "hunter2")
  }

  @Test func aLongValueIsNotHeldWhole() {
    let bytes = (0..<20_000).map { (number: Int) -> UInt8 in UInt8(0x21 + (number * 7 + number / 94) % 94) }
    let value = String(decoding: bytes, as: UTF8.self)
    var masked = MaskedText(hiding: values([value]))
    var shown = text(masked.take(SecretBytes("x ")))
    var rest = Array(value.utf8)[...]
    while !rest.isEmpty {
      shown += text(masked.take(SecretBytes(rest.prefix(1000))))
      rest = rest.dropFirst(1000)
      #expect(masked.heldCount <= ValueMatcher.certain + 1000)
    }
    shown += text(masked.take(SecretBytes(" y")))
    shown += text(masked.finish())
    #expect(shown == "x <redacted> y")
  }

  @Test func aTextAndAValueThatRepeatThemselvesCostNoMoreThanOthers() {
    let value = String(repeating: "a", count: 20_000)
    let text = String(repeating: "a", count: 40_000)
    #expect(stream([Array(text.utf8), Array("b".utf8)], values([value])) == "<redacted>b")
  }

  @Test func anyBytesInAnyPiecesGiveTheSameTextWhereNothingIsMasked() {
    var generator = SystemRandomNumberGenerator()
    let hidden = values((0..<200).map { "\($0)-never-to-be-found-\($0)" })
    for _ in 0..<200 {
      let alphabet = Array(#"ab%+/\u0041=-_ "#.utf8) + [0x0a, 0x0d, 0xff, 0x00]
      let bytes = (0..<Int.random(in: 0..<300, using: &generator)).map { _ in
        alphabet.randomElement(using: &generator) ?? 0
      }
      var pieces: [[UInt8]] = []
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Int.random(in: 1...20, using: &generator)
        pieces.append(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
      }
      var masked = MaskedText(hiding: hidden)
      var result: [UInt8] = []
      for piece in pieces {
        masked.take(SecretBytes(piece)).withUnsafeBytes { result += $0 }
        if Bool.random(using: &generator) {
          masked.pause().withUnsafeBytes { result += $0 }
        }
      }
      masked.finish().withUnsafeBytes { result += $0 }
      #expect(result == bytes)
    }
  }

  @Test func valuesInRandomPiecesAreNeverShown() {
    var generator = SystemRandomNumberGenerator()
    let secrets = (0..<20).map { "key\($0)-\(UInt64.random(in: 1 << 62 ... .max, using: &generator))" }
    let hidden = values(secrets)
    for _ in 0..<50 {
      let words = (0..<30).map { _ in
        Self.forms(of: secrets.randomElement(using: &generator) ?? "").randomElement(using: &generator) ?? ""
      }
      var rest = Array(words.joined(separator: " ").utf8)[...]
      var pieces: [[UInt8]] = []
      while !rest.isEmpty {
        let count = Int.random(in: 1...40, using: &generator)
        pieces.append(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
      }
      let shown = stream(pieces, hidden)
      #expect(shown.split(separator: " ").allSatisfy { $0.hasSuffix("<redacted>") }, "\(shown)")
    }
  }
}
