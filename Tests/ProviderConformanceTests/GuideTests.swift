import Foundation
import TestSupport
import Testing

/// docs/providers-howto.md shows code that is compiled and tested here.
@Suite struct GuideTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

  @Test func theGuidesCodeIsTheToys() throws {
    let guide = Self.folder.appendingPathComponent("../../docs/providers-howto.md").standardizedFileURL
    let page = try String(contentsOf: guide, encoding: .utf8)
    let blocks = page.components(separatedBy: "```swift\n").dropFirst().compactMap {
      $0.components(separatedBy: "```").first
    }
    let sources = try ["ToyProvider.swift", "ToyStore.swift", "ProviderUnderTest.swift"].map {
      try String(contentsOf: Self.folder.appendingPathComponent($0), encoding: .utf8)
    }
    #expect(blocks.contains(sources[0]), "the guide does not show ToyProvider.swift as it is")
    for block in blocks {
      #expect(sources.contains { $0.contains(block) }, "no source of the toy has \(block.prefix(60))")
    }
  }
}
