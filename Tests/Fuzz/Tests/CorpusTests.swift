import Foundation
import SecretBytes
import Testing

/// The corpora of the fuzzer, and inputs close to them, read by the same targets.
@Suite struct CorpusTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Corpora")

  private static func inputs(_ name: String) throws -> [(name: String, bytes: [UInt8])] {
    let files = try FileManager.default.contentsOfDirectory(
      at: folder.appending(path: name), includingPropertiesForKeys: nil)
    return try files.sorted { $0.path < $1.path }.map { ($0.lastPathComponent, [UInt8](try Data(contentsOf: $0))) }
  }

  private func target(_ name: String) throws -> any FuzzTarget {
    try #require(FuzzTargets.all.first { $0.name == name }).init()
  }

  @Test func everyTargetHasACorpusAndEveryCorpusATarget() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
    #expect(Set(folders) == Set(FuzzTargets.all.map { $0.name }))
    #expect(FuzzTargets.all.count == folders.count)
  }

  /// A file whose name begins with `refused` is one that the parser refuses; it takes all others.
  @Test(arguments: FuzzTargets.all.map { $0.name }) func inputsAreTakenOrRefusedAsTheirNamesSay(name: String) throws {
    let target = try target(name)
    var outcomes: Set<Bool> = []
    for input in try Self.inputs(name) {
      let isTaken = try target.read(SecretBytes(input.bytes))
      #expect(isTaken == !input.name.hasPrefix("refused"), "\(name)/\(input.name)")
      outcomes.insert(isTaken)
    }
    #expect(outcomes == [true, false], "a corpus has inputs of both kinds")
  }

  @Test(arguments: FuzzTargets.all.map { $0.name }) func whatIsCutOrChangedHoldsTogetherToo(name: String) throws {
    let target = try target(name)
    let inputs = try Self.inputs(name)
    for (place, input) in inputs.enumerated() {
      var mutation = Mutation(seed: UInt64(place), others: inputs.map(\.bytes))
      for round in 0..<64 {
        let bytes = mutation.changed(input.bytes)
        #expect(throws: Never.self, "\(name)/\(input.name), round \(round): \(Data(bytes).base64EncodedString())") {
          _ = try target.read(SecretBytes(bytes))
        }
      }
    }
  }
}
