import Foundation
import SecretBytes
import Testing

@testable import Masking

struct MaskedTextTests {
  private func mask(_ text: String, _ values: [String], isCut: Bool = false) -> String {
    let masked = MaskedText.masking(
      SecretBytes(text), hiding: MaskedValues(values.map { SecretBytes($0) }), isCut: isCut)
    return masked.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }

  private func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

  @Test func everyOccurrenceIsReplaced() {
    #expect(
      mask("password=hunter22; again hunter22hunter22.", ["hunter22"])
        == "password=<redacted>; again <redacted><redacted>.")
    #expect(mask("hunter22", ["hunter22"]) == "<redacted>")
    #expect(mask("", ["hunter22"]) == "")
    #expect(mask("nothing here", ["hunter22"]) == "nothing here")
    #expect(mask("nothing here", []) == "nothing here")
    #expect(mask("hunter2hunter22", ["hunter22"]) == "hunter2<redacted>")
  }

  @Test func veryShortValuesAreNotLookedFor() {
    #expect(mask("a 1 abc", ["", "a", "1", "abc"]) == "a 1 abc")
    #expect(mask("abcd", ["abcd"]) == "<redacted>")
  }

  @Test func valuesWithinEachOtherAndOverlappingAreReplacedWhole() {
    #expect(mask("x secret-long y", ["secret", "secret-long"]) == "x <redacted> y")
    #expect(mask("x secret-lone y", ["secret", "secret-long"]) == "x <redacted>-lone y")
    #expect(mask("abcdefgh", ["abcdef", "defgh"]) == "<redacted>")
    #expect(mask("aaaaaaaaa", ["aaaa"]) == "<redacted>")
  }

  @Test func valuesThatBeginAlikeAreToldApart() {
    let values = ["postgres://app:one@db", "postgres://app:two@db", "postgres://app:two@db/x", "postgres://"]
    #expect(
      mask("postgres://app:two@db/x postgres://app:one@db postgres://app:six@db", values)
        == "<redacted> <redacted> <redacted>app:six@db")
  }

  @Test func aValueOfSeveralLinesIsReplacedWholeAndLineByLine() {
    let key = "-----BEGIN KEY-----\nMIIBfirstline\r\nsecondline\n}\n"
    #expect(mask("a\n\(key)b", [key]) == "a\n<redacted>b")
    #expect(mask("> MIIBfirstline\n> secondline\n> }", [key]) == "> <redacted>\n> <redacted>\n> }")
    #expect(mask("-----BEGIN KEY-----", [key]) == "-----BEGIN KEY-----")
    #expect(mask("shell: pass1 end", ["pass1\n"]) == "shell: <redacted> end")
  }

  @Test func base64IsFoundAtEveryPlaceWithinALongerText() {
    let value = "s3cr3t/value?with more~~bytes"
    for prefix in ["", "a", "ab", "abc", "user:"] {
      for suffix in ["", "\n", "xy", "xyz"] {
        let text = mask("basic \(base64(prefix + value + suffix)) end", [value])
        #expect(text.contains("<redacted>"), "\(prefix)|\(suffix)")
        // What may be left are the letters before it, and those behind.
        let kept = text.replacingOccurrences(of: "<redacted>", with: "")
        #expect(kept.utf8.count <= "basic  end".utf8.count + 4 * (prefix.utf8.count / 3 + 1) + 4, "\(kept)")
      }
    }
    let url = base64(value).replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
    #expect(mask(url, [value]) == "<redacted>")
    #expect(mask(url.replacingOccurrences(of: "=", with: ""), [value]) == "<redacted>")
    // What comes right before is no matter.
    #expect(mask("token" + base64(value), [value]).hasSuffix("<redacted>"))
  }

  @Test func base64InLinesIsFound() {
    let value = String(repeating: "0123456789abcdefghij", count: 10)
    for options: Data.Base64EncodingOptions in [
      [.lineLength76Characters, .endLineWithLineFeed], [.lineLength64Characters, .endLineWithCarriageReturn],
    ] {
      let wrapped = Data(value.utf8).base64EncodedString(options: options)
      #expect(mask(wrapped, [value]) == "<redacted>")
      let indented = wrapped.split(whereSeparator: \.isNewline).map { "    \($0)\n" }.joined()
      #expect(mask(indented, [value]) == "    <redacted>\n")
    }
  }

  @Test(arguments: [
    "p%40ss%2Fw%C3%B6rd+1", "p%40ss%2fw%c3%b6rd%2b1", "p@ss%2Fwörd+1", "%70%40%73%73%2F%77%C3%B6%72%64%2B%31",
  ])
  func percentEncodingIsFoundHoweverMuchOfItIsEncoded(text: String) {
    #expect(mask("?q=\(text)&x", ["p@ss/wörd+1"]) == "?q=<redacted>&x")
  }

  @Test func aSpaceInAFormIsAPlus() {
    #expect(mask("q=correct+horse%21&x", ["correct horse!"]) == "q=<redacted>&x")
    #expect(mask("q=correct%20horse!&x", ["correct horse!"]) == "q=<redacted>&x")
    #expect(mask("50%, 5%%, %zz and %4", ["secret"]) == "50%, 5%%, %zz and %4")
  }

  @Test(arguments: [
    #"say \"hi\"\n\tto C:\\ € 🔑"#, #"say \"hi\"\n\tto C:\\ \u20ac \ud83d\udd11"#,
    #"say \u0022hi\u0022\u000a\u0009to C:\u005C \u20AC \uD83D\uDD11"#,
    #"\u0073\u0061\u0079\u0020\"hi\"\n\tto C:\\ € 🔑"#,
  ])
  func jsonEscapesAreFoundHoweverMuchIsEscaped(text: String) {
    #expect(mask(#"{"v":"\#(text)"}"#, ["say \"hi\"\n\tto C:\\ € 🔑"]) == #"{"v":"<redacted>"}"#)
  }

  @Test func whatIsNoEscapeStaysAsItIs() {
    let text = #"\x \u12 \ud800 \ud83d\u0041 C:\dir\ \"#
    #expect(mask(text, ["secret"]) == text)
    #expect(mask(#"\ud83d\u0073ecret"#, ["secret"]) == #"\ud83d<redacted>"#)
    #expect(mask(#"\secret"#, ["secret"]) == #"\<redacted>"#)
  }

  @Test func aValueThatIsCutOffAtTheEndIsReplaced() {
    for count in 1..<8 {
      let text = "out: " + "hunter22".prefix(count)
      #expect(mask(text, ["hunter22"], isCut: true) == "out: <redacted>", "\(count)")
      #expect(mask(text, ["hunter22"], isCut: false) == text)
    }
  }

  /// As mail, PEM and `fold` break lines, and YAML goes on behind indentation.
  @Test(arguments: ["\n", "\r\n", "\n    ", "\n\t"]) func aValueThatIsBrokenOverLinesIsReplaced(lineBreak: String) {
    let value = "p%ss word/ü-of-db"
    for form in [value, "p%25ss%20word%2F%C3%BC-of-db", "p%25ss+word%2f%c3%bc-of-db", #"p%ss\u0020word\/\u00fc-of-db"#]
    {
      let bytes = Array(form.utf8)
      for place in 1..<bytes.count where bytes[place] & 0xc0 != 0x80 {
        let text = String(decoding: bytes[..<place] + Array(lineBreak.utf8) + bytes[place...], as: UTF8.self)
        #expect(mask("is \(text).", [value]) == "is <redacted>.", "\(form) at \(place)")
      }
      let everywhere = form.utf8.map { String(decoding: [$0], as: UTF8.self) }
      if form.utf8.allSatisfy({ $0 < 0x80 }) {
        #expect(mask(everywhere.joined(separator: lineBreak), [value]) == "<redacted>", "\(form)")
      }
    }
  }

  @Test func linesThatOnlyStandBelowEachOtherStay() {
    let text = "one\ntwo\nthree\n  four\n"
    #expect(mask(text, ["onetwo2", "twofour"]) == text)
    // Its own line breaks are a value's as before.
    #expect(mask("x one\ntwo y", ["one\ntwo"]) == "x <redacted> y")
    #expect(mask("x one\ntw", ["one\ntwo!"], isCut: true) == "x <redacted>")
  }

  @Test func valuesOfAnyBytesAreFound() {
    let value: [UInt8] = [0xff, 0x00, 0xfe, 0x01, 0x80]
    let text = [0x41] + value + [0x42]
    let masked = MaskedText.masking(SecretBytes(text), hiding: MaskedValues([SecretBytes(value)]))
    #expect(masked == SecretBytes("A<redacted>B"))
  }

  @Test func manyValuesInMuchTextAreFound() {
    let values = (0..<10_000).map { "value-number-\($0)-end" }
    let text = values.joined(separator: " ")
    let expected = values.map { _ in "<redacted>" }.joined(separator: " ")
    #expect(mask(text, values) == expected)
  }
}
