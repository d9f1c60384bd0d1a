import ProviderKit
import Testing

private final class Session: Sendable {}
private final class OtherSession: Sendable {}

@Test func oneIdentityHasOneSession() {
  let shared = SharedSessions()
  let first = shared.session(of: "web") { Session() }
  #expect(shared.session(of: "web") { Session() } === first)
  #expect(shared.session(of: "other") { Session() } !== first)
  #expect(shared.session(of: 1) { Session() } !== first)
  let other = shared.session(of: "web") { OtherSession() }
  #expect(shared.session(of: "web") { OtherSession() } === other)
}

@Test func aSessionThatNobodyHoldsIsGone() {
  let shared = SharedSessions()
  weak var gone: Session?
  do {
    let session = shared.session(of: "web") { Session() }
    gone = session
  }
  #expect(gone == nil)
}
