import EventLoop
import TestSupport
import Testing

@testable import AgentDaemon

@Suite struct RefusalReportTests {
  @Test func anExecutionMaySayTenAtOnceAndOneMoreEverySixSeconds() async {
    let reports = RefusalReports()
    let time = ManualTime()
    for _ in 0..<RefusalReports.most {
      #expect(await reports.admits("e", at: time.now))
    }
    #expect(await !reports.admits("e", at: time.now))
    // Others have their own.
    #expect(await reports.admits("f", at: time.now))
    time.advance(by: .seconds(5))
    #expect(await !reports.admits("e", at: time.now))
    time.advance(by: .seconds(1))
    #expect(await reports.admits("e", at: time.now))
    #expect(await !reports.admits("e", at: time.now))
    time.advance(by: .seconds(3600))
    for _ in 0..<RefusalReports.most {
      #expect(await reports.admits("e", at: time.now))
    }
    #expect(await !reports.admits("e", at: time.now))
  }

  @Test func whatWasSaidIsCounted() async {
    let reports = RefusalReports()
    let time = ManualTime()
    for isFetched in [true, false, true] {
      #expect(await reports.admits("e", at: time.now))
      await reports.note("e", isFetched: isFetched)
    }
    #expect(await reports.counts == ["e": RefusalCounts(reports: 3, fetched: 2)])
    await reports.forget("e")
    #expect(await reports.counts.isEmpty)
  }
}
