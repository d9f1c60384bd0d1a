import SecretBytes
import Testing

@testable import Masking

struct LiveValuesTests {
  @Test func aValueIsHiddenAsLongAsSomebodyUsesIt() {
    let live = LiveValues()
    let line = "tokens first-token and other-token"
    #expect(live.hide(in: line) == line)
    live.set([SecretBytes("first-token")], of: "one")
    live.set([SecretBytes("first-token"), SecretBytes("other-token")], of: "two")
    #expect(live.hide(in: line) == "tokens <redacted> and <redacted>")
    live.set([], of: "two")
    #expect(live.hide(in: line) == "tokens <redacted> and other-token")
    live.set([SecretBytes("other-token")], of: "one")
    #expect(live.hide(in: line) == "tokens first-token and <redacted>")
    live.set([], of: "one")
    #expect(live.hide(in: line) == line)
    #expect(live.masked.isEmpty)
  }

  @Test func whatCameAndWentBetweenTwoLinesIsNotHidden() {
    let live = LiveValues()
    live.set([SecretBytes("bbbb-value")], of: "b")
    _ = live.masked
    live.set([SecretBytes("aaaa-value")], of: "a")
    live.set([], of: "a")
    live.set([], of: "b")
    live.set([SecretBytes("cccc-value")], of: "c")
    #expect(live.hide(in: "aaaa-value bbbb-value cccc-value") == "aaaa-value bbbb-value <redacted>")
  }

  @Test func thousandsThatComeAndGoLeaveNothingBehind() {
    let live = LiveValues()
    for round in 0..<20 {
      for owner in 0..<50 {
        live.set(
          (0..<20).map { SecretBytes("value \(round) \(owner) \($0 % 7)\nsecond line of \(owner)") }, of: "\(owner)")
      }
      #expect(live.hide(in: "value \(round) 7 3") == "<redacted>")
      #expect(live.hide(in: "value \(round - 1) 7 3") == "value \(round - 1) 7 3")
    }
    for owner in 0..<50 {
      live.set([], of: "\(owner)")
    }
    #expect(live.masked.isEmpty)
  }

  @Test func aBeginningAtTheEndOfWhatIsCutIsHidden() {
    let live = LiveValues()
    live.set([SecretBytes("a-very-long-token")], of: "one")
    #expect(live.hide(in: "said: a-very-lo", isCut: true) == "said: <redacted>")
    #expect(live.hide(in: "said: a-very-lo") == "said: a-very-lo")
  }
}
