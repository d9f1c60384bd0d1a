import AgentDaemon
import Foundation
import Glibc
import Testing

/// The service manager's end: a datagram socket that is bound to a path or an abstract name.
private final class Manager {
  private let descriptor: Int32

  init(_ name: [UInt8]) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    let size = socklen_t(2 + name.count)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    try #require(result == 0)
  }

  deinit {
    close(descriptor)
  }

  /// The next message that has come, `nil` without one.
  func next() -> String? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
    return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
  }
}

struct ServiceNotifierTests {
  private func made(_ variables: [String: String]) -> ServiceNotifier? {
    ServiceNotifier { variables[$0] }
  }

  @Test func messagesGoToThePathAsTheProtocolWritesThem() throws {
    let folder = ShortFolder()
    let manager = try Manager(Array(folder.path("notify").utf8))
    let notifier = try #require(made(["NOTIFY_SOCKET": folder.path("notify")]))
    #expect(notifier.ready())
    #expect(manager.next() == "READY=1")
    #expect(notifier.stopping())
    #expect(manager.next() == "STOPPING=1")
    #expect(notifier.watchdog())
    #expect(manager.next() == "WATCHDOG=1")
    #expect(notifier.status("3 executions, 2 ä stale"))
    #expect(manager.next() == "STATUS=3 executions, 2 ä stale")
    #expect(manager.next() == nil)
  }

  @Test func aReloadCarriesTheTimeSinceTheMachineStarted() throws {
    let folder = ShortFolder()
    let manager = try Manager(Array(folder.path("notify").utf8))
    let notifier = try #require(made(["NOTIFY_SOCKET": folder.path("notify")]))
    func now() -> Int64 {
      var time = timespec()
      clock_gettime(CLOCK_MONOTONIC, &time)
      return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
    let before = now()
    #expect(notifier.reloading())
    let after = now()
    let lines = try #require(manager.next()).split(separator: "\n")
    #expect(lines.first == "RELOADING=1")
    #expect(lines.count == 2)
    let time = try #require(Int64(lines[1].dropFirst("MONOTONIC_USEC=".count)))
    #expect((before...after).contains(time))
  }

  @Test func aSignOfLifeDoesNotWaitForAManagerThatDoesNotRead() throws {
    let folder = ShortFolder()
    let manager = try Manager(Array(folder.path("notify").utf8))
    let notifier = try #require(made(["NOTIFY_SOCKET": folder.path("notify")]))
    var held = 0
    while held < 10_000, notifier.watchdog() { held += 1 }
    #expect(held > 0 && held < 10_000)
    #expect(!notifier.status("not heard"))
    for _ in 0..<held { #expect(manager.next() == "WATCHDOG=1") }
    #expect(manager.next() == nil)
    #expect(notifier.ready())
  }

  @Test func anAbstractNameIsReached() throws {
    let name = "secrets-agent-test-\(UUID().uuidString)"
    let manager = try Manager([0] + Array(name.utf8))
    let notifier = try #require(made(["NOTIFY_SOCKET": "@" + name]))
    #expect(notifier.ready())
    #expect(manager.next() == "READY=1")
  }

  @Test func aStatusIsOneLineAndAddsNoVariable() throws {
    let folder = ShortFolder()
    let manager = try Manager(Array(folder.path("notify").utf8))
    let notifier = try #require(made(["NOTIFY_SOCKET": folder.path("notify")]))
    notifier.status("broken\nMAINPID=1")
    #expect(manager.next() == "STATUS=broken")
    notifier.status("broken\r\nMAINPID=1")
    #expect(manager.next() == "STATUS=broken")
    notifier.status(String(repeating: "a", count: 100_000))
    #expect(manager.next() == "STATUS=" + String(repeating: "a", count: 1024))
  }

  @Test func withoutAManagerThereIsNoNotifier() {
    for name in [nil, "", "/", "@", "relative", "vsock:2:1", "/a\0b", "/" + String(repeating: "a", count: 107)] {
      #expect(made(["NOTIFY_SOCKET": name].compactMapValues { $0 }) == nil, "\(name ?? "nil")")
    }
    #expect(made(["NOTIFY_SOCKET": "/" + String(repeating: "a", count: 106)]) != nil)
  }

  @Test func aManagerThatIsGoneIsNoFault() throws {
    let folder = ShortFolder()
    let notifier = try #require(made(["NOTIFY_SOCKET": folder.path("none")]))
    #expect(!notifier.ready())
    #expect(!notifier.reloading())
  }

  @Test func theWatchdogIsFedTwiceAsOftenAsAskedAndOnlyByItsProcess() throws {
    func interval(_ variables: [String: String]) -> Duration? {
      made(variables.merging(["NOTIFY_SOCKET": "/run/notify"]) { first, _ in first })?.watchdogInterval
    }
    #expect(interval([:]) == nil)
    #expect(interval(["WATCHDOG_USEC": "30000000"]) == .seconds(15))
    #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "\(getpid())"]) == .seconds(15))
    #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "\(getpid() + 1)"]) == nil)
    #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "x"]) == nil)
    #expect(interval(["WATCHDOG_USEC": "1"]) == .microseconds(1))
    for rubbish in ["", "0", "-5", "x", "99999999999999999999"] {
      #expect(interval(["WATCHDOG_USEC": rubbish]) == nil)
    }
  }
}
