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

  @Test func aBeginningBeforeACutIsHidden() {
    let live = LiveValues()
    live.set([SecretBytes("a-very-long-token"), SecretBytes("what… follows")], of: "one")
    #expect(live.hide(in: "said: a-very-lo…") == "said: <redacted>…")
    #expect(live.hide(in: "said: a-very-lo… (status 400)") == "said: <redacted>… (status 400)")
    #expect(live.hide(in: "said: a-very-lo") == "said: a-very-lo")
    #expect(live.hide(in: "what… follows") == "<redacted>")
    // Four letters say nothing: a key is named by them on purpose.
    live.set([SecretBytes("AKIAIOSFODNN7EXAMPLE")], of: "two")
    #expect(live.hide(in: "key AKIA…MPLE") == "key AKIA…MPLE")
    #expect(live.hide(in: "key AKIAI…MPLE") == "key <redacted>…MPLE")
  }

  @Test func aValueIsHiddenAsLongAsItsMarkIsHeld() {
    let live = LiveValues()
    var marks = [live.note([SecretBytes("first-token")]), live.note([SecretBytes("first-token")])]
    #expect(live.hide(in: "first-token") == "<redacted>")
    marks.removeLast()
    live.settle()
    #expect(live.hide(in: "first-token") == "<redacted>")
    marks.removeLast()
    #expect(live.hide(in: "first-token") == "first-token")
    #expect(live.masked.isEmpty)
  }

  /// Else a value would stay in memory until the next line is written.
  @Test func whatIsInUseNoMoreIsLetGoByItself() {
    let live = LiveValues()
    var marks = (0..<100).map { live.note([SecretBytes("value \($0)")]) }
    #expect(live.masked.patterns.count == 100)
    marks.removeLast(60)
    #expect(live.held <= 60)
    marks.removeAll()
    #expect(live.held == 0)
  }

  @Test func whatIsFetchedAnewAndIsAsItWasChangesNothing() {
    let live = LiveValues()
    var mark = live.note([SecretBytes("first-token")])
    let serial = live.masked.serial
    mark = live.note([SecretBytes("first-token")])
    live.settle()
    #expect(live.masked.serial == serial)
    _ = consume mark
  }

  @Test func wordsHaveNoValueThatIsKnownWhenTheyAreRead() {
    let live = LiveValues()
    let words = StrangersWords("duplicate value abcdefghij / YWJjZGVmZ2hpag== here", hiding: live)
    #expect(words.text.contains("abcdefghij"))
    var mark: LiveMark? = live.note([SecretBytes("abcdefghij")])
    #expect(words.text == "duplicate value <redacted> / <redacted> here")
    // Nor one that was known at a reading before.
    mark = nil
    #expect(words.text == "duplicate value <redacted> / <redacted> here" && live.masked.isEmpty)
    _ = consume mark
  }
}
