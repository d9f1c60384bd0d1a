import Testing
import Text

@Suite struct ShownSpanTests {
  @Test(arguments: [
    (0, "0s"), (59, "59s"), (60, "1m0s"), (3599, "59m59s"), (3600, "1h0m"), (86_399, "23h59m"), (86_400, "1d0h"),
    (-5, "-5s"), (-7325, "-2h2m"), (Int64.max, "106751991167300d15h"), (Int64.min, "-106751991167300d15h"),
  ])
  func aSpanHasItsTwoGreatestUnits(_ seconds: Int64, _ text: String) {
    #expect(ShownText.span(seconds: seconds) == text)
  }
}
