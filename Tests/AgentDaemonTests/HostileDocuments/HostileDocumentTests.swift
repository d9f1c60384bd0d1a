import TestSupport
import Testing

/// Documents that mean ill, against one policy: each is refused by the rule that is there for it, before anything is sent, and nothing
/// is written. Beside them, documents that differ only in meaning well: they are let through, and call whom they should.
@Suite(.timeLimit(.minutes(30))) struct HostileDocumentTests {
  private static let hostile =
    hostileVaultDocuments + hostileAWSDocuments + hostileGoogleDocuments + hostileAzureDocuments + hostileNodeDocuments

  @Test func thereAreEnoughOfThem() {
    #expect(Self.hostile.count >= 60)
    #expect(Set(Self.hostile.map(\.name)).count == Self.hostile.count)
  }

  @Test(arguments: hostile)
  func isRefusedByItsRuleBeforeAPacketAndWritesNothing(_ document: HostileDocument) async throws {
    let scene = try await HostileScene(document)
    let lines = try await scene.verdict(on: document)
    let rule = try #require(document.rule)
    #expect(!lines.isEmpty && lines.allSatisfy { $0.contains("`\(rule)`") }, "\(lines)")
    #expect(scene.transport.requests.map(\.url.description) == [])
    #expect(scene.written == [])
  }

  @Test(arguments: harmlessDocuments)
  func itsHonestSiblingIsLetThrough(_ document: HostileDocument, _ host: String) async throws {
    let scene = try await HostileScene(document)
    let lines = try await scene.verdict(on: document)
    #expect(lines.allSatisfy { !$0.contains("policy") }, "\(lines)")
    let hosts = scene.transport.requests.map { "\($0.url.host):\($0.url.port)" }
    #expect(!hosts.isEmpty && hosts.allSatisfy { $0 == host }, "\(hosts), \(lines)")
  }
}
