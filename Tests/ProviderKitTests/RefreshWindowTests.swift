import EventLoop
import Testing

@testable import ProviderKit

@Suite struct RefreshWindowTests {
  @Test(arguments: [
    (4, 2), (10, 5), (12, 5), (20, 5), (21, 15), (60, 15), (90, 15), (91, 60), (360, 60), (720, 60),
  ])
  func aLoginIsMadeAnewBeforeItsEndByTheLengthOfItsLife(_ minutes: Int, _ lead: Int) {
    #expect(RefreshWindow.lead(of: .seconds(minutes * 60)) == .seconds(lead * 60))
  }

  @Test func noLifeHasNoLead() {
    #expect(RefreshWindow.lead(of: .zero) == .zero)
    #expect(RefreshWindow.lead(of: .seconds(-5)) <= .zero)
  }

  @Test func jitterIsEarlierAndNeverBeforeTheGrant() {
    let now = Moment(nanoseconds: 0)
    let end = now.advanced(by: .seconds(3600))
    let due = now.advanced(by: .seconds(2700))
    #expect(RefreshWindow.jittered(due, of: end, at: now, 0) == due)
    #expect(RefreshWindow.jittered(due, of: end, at: now, 0.5) == now.advanced(by: .seconds(2610)))
    let soon = now.advanced(by: .seconds(10))
    #expect(RefreshWindow.jittered(soon, of: end, at: now, 0.999) > now.advanced(by: .seconds(8)))
    #expect(RefreshWindow.jittered(now, of: end, at: now, 0.9) == now)
    #expect(RefreshWindow.jittered(end, of: due, at: now, 0.9) == end)
    #expect(RefreshWindow.jittered(due, of: nil, at: now, 0.9) == due)
    let far = Moment(nanoseconds: .max)
    #expect(RefreshWindow.jittered(far, of: far, at: Moment(nanoseconds: .min), 0.9) == far)
  }

  @Test func aPauseIsFiveToTenMinutesUnlessTheServiceAsksForMoreOrTheEndIsNear() {
    #expect(RefreshWindow.pause(left: nil, asked: nil, 0) == .seconds(300))
    #expect(RefreshWindow.pause(left: nil, asked: nil, 0.5) == .seconds(450))
    #expect(RefreshWindow.pause(left: nil, asked: .seconds(10), 0.5) == .seconds(450))
    #expect(RefreshWindow.pause(left: nil, asked: .seconds(3000), 0.5) == .seconds(3000))
    #expect(RefreshWindow.pause(left: .seconds(30), asked: .seconds(3000), 0.5) == .seconds(10))
    #expect(RefreshWindow.pause(left: .milliseconds(100), asked: nil, 0.5) == .seconds(1))
    #expect(RefreshWindow.pause(left: .seconds(864_000), asked: nil, 0.5) == .seconds(450))
  }
}
