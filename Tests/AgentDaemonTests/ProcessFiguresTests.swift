import Foundation
import Testing

@testable import AgentDaemon

/// What the process says of itself, held against what else is known of it.
@Suite struct ProcessFiguresTests {
  @Test func everyFigureIsOfThisProcess() throws {
    let figures = ProcessFigures.current()
    let now = Date().timeIntervalSince1970
    let start = try #require(figures.startTime)
    #expect(start > now - 86_400 && start <= now + 1)
    let resident = try #require(figures.residentBytes)
    let mapped = try #require(figures.virtualBytes)
    #expect(resident > 1_000_000 && resident <= mapped)
    #expect(try #require(figures.cpuSeconds) > 0)
    let open = try #require(figures.openDescriptors)
    let most = try #require(figures.maximumDescriptors)
    #expect(open >= 3 && UInt64(open) <= most)
  }

  @Test func theStartStaysWhereItIs() throws {
    let one = try #require(ProcessFigures.current().startTime)
    let two = try #require(ProcessFigures.current().startTime)
    #expect(abs(one - two) < 0.5)
  }

  /// A name may be made of whatever one writes to /proc/self/comm.
  @Test(
    arguments: [
      ("7 (agent) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 1234 99", 1234),
      ("7 (a) S) (b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 1234 99", 1234),
      ("7 (agent) S 1 7", nil), ("", nil), (")", nil), ("7 (agent) S" + String(repeating: " x", count: 30), nil),
      ("7 (a) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99999999999999999999 9", nil),
    ] as [(String, UInt64?)])
  func theStartIsFoundBehindAnyName(stat: String, ticks: UInt64?) {
    #expect(ProcessFigures.startTicks(stat) == ticks)
  }

  @Test(
    arguments: [("100 20 3 4", [100, 20]), ("", []), ("100", []), ("x 20", []), ("-1 -1", [])] as [(String, [UInt64])])
  func pagesAreNumbersOnly(statm: String, pages: [UInt64]) {
    #expect(ProcessFigures.pages(statm) == pages)
  }
}
