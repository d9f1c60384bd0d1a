import Testing
import Text

@Test(
  arguments: [
    ("", []), ("/", []), ("/a//b/", ["a", "b"]), ("a/../b", ["a", "..", "b"]),
    // To Swift a slash and the mark behind it are one character.
    ("/a/../\u{31e}b", ["a", "..", "\u{31e}b"]), ("/\u{301}", ["\u{301}"]), ("a\u{301}/b", ["a\u{301}", "b"]),
  ] as [(String, [String])])
func aPathIsCutAtEverySlash(path: String, segments: [String]) {
  #expect(path.pathSegments().map(String.init) == segments)
}

@Test func emptyPartsOfAPathAreKeptWhereTheyCount() {
  #expect("/a//".pathSegments(keepingEmpty: true) == ["", "a", "", ""])
}
