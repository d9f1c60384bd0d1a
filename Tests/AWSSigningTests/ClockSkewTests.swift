import Testing

@testable import AWSSigning

@Suite struct ClockSkewTests {
  /// Sun, 30 Aug 2015 12:36:00 GMT
  static let server: Int64 = 1_440_938_160
  static let date = "Sun, 30 Aug 2015 12:36:00 GMT"

  @Test(arguments: [-7200, 7200, 86_400 * 30] as [Int64])
  func signsByTheServersClockOnceItIsLearnt(ahead: Int64) {
    let skew = ClockSkew()
    let node = Self.server + ahead
    #expect(skew.now(node) == node)
    #expect(skew.learn(date: Self.date, at: node))
    #expect(skew.now(node) == Self.server)
    #expect(skew.now(node + 10) == Self.server + 10)
  }

  @Test func learnsOnceOnly() {
    let skew = ClockSkew()
    #expect(skew.learn(date: Self.date, at: Self.server + 7200))
    #expect(!skew.learn(date: "Sun, 30 Aug 2015 18:36:00 GMT", at: Self.server + 7200))
    #expect(skew.now(Self.server + 7200) == Self.server)
  }

  @Test(arguments: [
    "", "yesterday", "Sun, 30 Aug 1815 12:36:00 GMT", "Sun, 30 Aug 9999 12:36:00 GMT",
    "Sun, 30 Aug 99999999999999999999 12:36:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "1440938160",
    String(repeating: "Sun, ", count: 10_000),
  ])
  func ignoresHostileDates(date: String) {
    let skew = ClockSkew()
    #expect(!skew.learn(date: date, at: Self.server))
    #expect(skew.now(Self.server) == Self.server)
  }

  @Test func leavesSmallDifferencesAlone() {
    let skew = ClockSkew()
    #expect(!skew.learn(date: Self.date, at: Self.server + 30))
    #expect(skew.now(.max) == .max)
  }
}
