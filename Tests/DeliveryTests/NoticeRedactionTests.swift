import Foundation
import SecretBytes
import Testing

@testable import Delivery

struct NoticeRedactionTests {
  private func redact(_ text: String, _ values: [String], isCut: Bool = false) -> String {
    let redaction = OutputRedaction(hiding: values.map { SecretBytes($0) })
    return String(decoding: redaction.redact(SecretBytes(text), isCut: isCut), as: UTF8.self)
  }

  private func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

  @Test func everyOccurrenceIsReplaced() {
    #expect(
      redact("password=hunter22; again hunter22hunter22.", ["hunter22"])
        == "password=<redacted>; again <redacted><redacted>.")
    #expect(redact("hunter22", ["hunter22"]) == "<redacted>")
    #expect(redact("", ["hunter22"]) == "")
    #expect(redact("nothing here", ["hunter22"]) == "nothing here")
    #expect(redact("nothing here", []) == "nothing here")
  }

  @Test func veryShortValuesAreNotLookedFor() {
    #expect(redact("a 1 abc", ["", "a", "1", "abc"]) == "a 1 abc")
    #expect(redact("abcd", ["abcd"]) == "<redacted>")
  }

  @Test func valuesWithinEachOtherAndOverlappingAreReplacedWhole() {
    #expect(redact("x secret-long y", ["secret", "secret-long"]) == "x <redacted> y")
    #expect(redact("abcdefgh", ["abcdef", "defgh"]) == "<redacted>")
    #expect(redact("aaaaaaaaa", ["aaaa"]) == "<redacted>")
  }

  @Test func aValueOfSeveralLinesIsReplacedWholeAndLineByLine() {
    let key = "-----BEGIN KEY-----\nMIIBfirstline\r\nsecondline\n}\n"
    #expect(redact("a\n\(key)b", [key]) == "a\n<redacted>b")
    #expect(redact("> MIIBfirstline\n> secondline\n> }", [key]) == "> <redacted>\n> <redacted>\n> }")
  }

  @Test func base64IsFoundAtEveryPlaceWithinALongerText() {
    let value = "s3cr3t/value?with more~~bytes"
    for prefix in ["", "a", "ab", "abc", "user:"] {
      for suffix in ["", "\n", "xy", "xyz"] {
        let text = redact("basic \(base64(prefix + value + suffix)) end", [value])
        #expect(text.contains("<redacted>"), "\(prefix)|\(suffix)")
        // What may be left are the groups before it, and those behind.
        let kept = text.replacingOccurrences(of: "<redacted>", with: "")
        #expect(kept.utf8.count <= "basic  end".utf8.count + 4 * (prefix.utf8.count / 3 + 1) + 4, "\(kept)")
      }
    }
    let url = base64(value).replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
    #expect(redact(url, [value]) == "<redacted>")
  }

  @Test func base64InLinesIsFound() {
    let value = String(repeating: "0123456789abcdefghij", count: 10)
    let wrapped = Data(value.utf8).base64EncodedString(options: [.lineLength76Characters, .endLineWithLineFeed])
    #expect(wrapped.contains("\n"))
    #expect(redact(wrapped, [value]) == "<redacted>")
  }

  @Test func aValueThatIsCutOffAtTheEndIsReplaced() {
    for count in 1..<8 {
      let text = "out: " + "hunter22".prefix(count)
      #expect(redact(text, ["hunter22"], isCut: true) == "out: <redacted>", "\(count)")
      #expect(redact(text, ["hunter22"], isCut: false) == text)
    }
  }

  @Test func valuesOfAnyBytesAreFound() {
    let value: [UInt8] = [0xff, 0x00, 0xfe, 0x01, 0x80]
    let redaction = OutputRedaction(hiding: [SecretBytes(value)])
    let text = [0x41] + value + [0x42]
    #expect(redaction.redact(SecretBytes(text), isCut: false) == Array("A<redacted>B".utf8))
  }

  @Test func manyValuesInMuchTextAreFound() {
    let values = (0..<1000).map { "value-number-\($0)-end" }
    let text = values.joined(separator: " ")
    let expected = values.map { _ in "<redacted>" }.joined(separator: " ")
    #expect(redact(text, values) == expected)
  }
}
