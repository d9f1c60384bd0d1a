import Testing

@testable import Text

@Suite struct DisplayWidthTests {
  @Test(arguments: [
    ("", 0), ("DB_PASSWORD", 11), ("naïve", 5), ("nai\u{308}ve", 5), ("데이터베이스", 12), ("\u{1112}\u{1161}\u{11ab}", 2),
    ("秘密", 4), ("ﾊﾟ", 2), ("ｆｕｌｌ", 8), ("🔑", 2), ("🔑\u{fe0f}", 2), ("\u{fffd}…", 2), ("\u{0}\u{7f}", 0),
    ("\u{20000}\u{3fffd}\u{10ffff}", 5),
  ]) func columnsAreThoseOfATerminal(text: String, columns: Int) {
    #expect(DisplayWidth.of(text) == columns)
  }

  @Test(arguments: [
    ("秘密", 4, "秘密"), ("秘密鍵", 5, "秘密…"), ("秘密鍵", 4, "秘…"), ("秘密", 1, "…"), ("秘密", 0, ""), ("a", -1, ""),
    ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"), ("secret", 6, "secret"), ("secret", 4, "sec…"),
  ]) func whatIsCutFits(text: String, columns: Int, cut: String) {
    #expect(DisplayWidth.cut(text, to: columns) == cut)
    #expect(DisplayWidth.of(DisplayWidth.cut(text, to: columns)) <= max(columns, 0))
  }

  @Test func everyScalarTakesNoneOneOrTwo() {
    var widths: [Int: Int] = [:]
    for value in UInt32(0)...0x10ffff {
      if let scalar = Unicode.Scalar(value) {
        widths[DisplayWidth.of(scalar), default: 0] += 1
      }
    }
    #expect(Set(widths.keys) == [0, 1, 2])
  }

  @Test func paddingNeverCuts() {
    #expect(DisplayWidth.padded("秘", to: 4) == "秘  ")
    #expect(DisplayWidth.padded("secret", to: 4) == "secret")
  }
}
