import EventLoop
import ExecutionModel
import Logging
import ProviderKit
import Resolution
import Synchronization
import TestSupport
import Testing

@testable import Refresh

/// What was logged, in order.
private final class Lines: Sendable {
  private struct Handler: LogHandler {
    let lines: Lines
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      lines.all.withLock { $0.append((event.metadata ?? [:]).mapValues { "\($0)" }) }
    }
  }

  private let all = Mutex<[[String: String]]>([])

  var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }
  var taken: [[String: String]] {
    all.withLock { lines in
      defer { lines = [] }
      return lines
    }
  }
}

@Suite struct FailureReportTests {
  private let lines = Lines()
  private let connection: ProviderConnection
  private let start = Moment(nanoseconds: 1_000_000_000_000)

  init() throws {
    connection = try ProviderConnection.testing(
      #"{"provider": "\#(ScriptedProvider.descriptor.type)", "store": "s"}"#, by: ScriptedProvider.descriptor)
  }

  private func note(
    _ keys: some Sequence<Int>, in reports: inout FailureReports, after span: Duration = .zero, failures: Int = 1,
    _ message: String = "no answer"
  ) {
    for key in keys {
      let reference = connection.reference(["key": "k\(key)"])
      var state = ReferenceState()
      state.failure = ProviderFailure(
        .transient, connection: "p", reference: reference.description, message)
      state.failuresInARow = failures
      let now = start.advanced(by: span)
      state.due = now.advanced(by: .seconds(key))
      reports.note(reference, state, at: now)
    }
  }

  @Test func aServerThatIsDownIsOneLineOnceItsCallsAreOver() {
    var reports = FailureReports(lines.logger)
    note(1...21, in: &reports)
    reports.write(at: start)
    #expect(lines.taken.isEmpty)
    reports.settle(connection.key, at: start)
    reports.write(at: start)
    let told = lines.taken
    #expect(told.count == 1)
    #expect(told.first?["reason"]?.hasPrefix("21 references (k1, k2, k3 and 18 more): provider p: no answer") == true)
    #expect(told.first?["retry_in_seconds"] == "1.0 seconds" && told.first?["failures"] == "1")
    #expect(reports.due == nil)
  }

  @Test func aCallThatHangsHoldsTheLinesBackForASecond() {
    var reports = FailureReports(lines.logger)
    note(1...5, in: &reports)
    note(6...9, in: &reports, after: .milliseconds(900))
    #expect(reports.due == start.advanced(by: .seconds(1)))
    reports.write(at: start.advanced(by: .milliseconds(999)))
    #expect(lines.taken.isEmpty)
    reports.write(at: start.advanced(by: .seconds(1)))
    #expect(lines.taken.map { $0["reason"] } == ["9 references (k1, k2, k3 and 6 more): provider p: no answer"])
  }

  @Test func furtherAttemptsAreGatheredThoughTheirPausesDiffer() {
    var reports = FailureReports(lines.logger)
    for key in 1...21 {
      note([key], in: &reports, after: .milliseconds(200 * key), failures: 2)
      reports.settle(connection.key, at: start.advanced(by: .milliseconds(200 * key)))
      reports.write(at: start.advanced(by: .milliseconds(200 * key)))
    }
    #expect(lines.taken.isEmpty)
    // One that fails again meanwhile counts once.
    note([1], in: &reports, after: .milliseconds(4900), failures: 3)
    reports.write(at: start.advanced(by: .milliseconds(5200)))
    let told = lines.taken
    #expect(told.count == 1 && told.first?["failures"] == "3")
    #expect(told.first?["reason"]?.hasPrefix("21 references ") == true)
  }

  /// Twenty-one live references that are due at different times, of a server that dies.
  @Test func aServerThatStaysDownIsToldOfFromTimeToTime() {
    var reports = FailureReports(lines.logger)
    func pass(_ span: ClosedRange<Int>, fails: (Int) -> Bool) -> [[String: String]] {
      for tenth in span {
        let now = start.advanced(by: .milliseconds(100 * tenth))
        if fails(tenth) {
          note([tenth % 21], in: &reports, after: .milliseconds(100 * tenth), failures: tenth < 210 ? 1 : 2)
          reports.settle(connection.key, at: now)
        }
        reports.write(at: now)
      }
      return lines.taken
    }
    // Two a second for forty seconds.
    let told = pass(1...400) { $0 % 5 == 0 }
    #expect(told.count == 2, "\(told)")
    #expect(told.first?["reason"] == "provider p: k5: no answer")
    #expect(told.last?["reason"]?.hasPrefix("21 references (") == true)
    // It goes on for an hour: a line every ten minutes in the end.
    #expect(pass(401...36_000) { $0 % 50 == 0 }.count <= 10)
    // It answers, and dies again.
    reports.recover(connection.key, at: start.advanced(by: .seconds(3601)))
    _ = pass(36_011...36_100) { _ in false }
    #expect(pass(36_401...36_460) { $0 == 36_401 }.count == 1)
  }

  @Test func whatIsNotTheSameIsToldApart() {
    var reports = FailureReports(lines.logger)
    note(1...2, in: &reports, "denied")
    note(3...7, in: &reports)
    reports.finish()
    let told = lines.taken
    #expect(told.count == 3)
    #expect(told.map { $0["reason"]?.contains("denied") } == [true, true, false])
    reports.finish()
    #expect(lines.taken.isEmpty && reports.due == nil)
  }

  @Test @DaemonActor func aSchedulerWritesThemByItsOwnTimer() async throws {
    let time = ManualTime()
    let store = ScriptedStore("aSchedulerWritesThemByItsOwnTimer")
    let connection = try ProviderConnection.testing(
      #"{"provider": "\#(ScriptedProvider.descriptor.type)", "store": "\#(store.name)"}"#,
      by: ScriptedProvider.descriptor)
    let services = ProviderServices.testing(transport: { _ in ScriptedTransport { _, _ in fatalError() } }, time: time)
    let scheduler = RefreshScheduler(
      pool: ProviderPool(registry: ProviderRegistry([ScriptedProvider.self]), services: services), time: time,
      random: { 0.5 }, nodeID: "node", log: lines.logger, observer: { _ in })
    let keys = (1...6).map { "k\($0)" }
    for key in keys {
      store.fail(key, .denied)
    }
    await scheduler.subscribe(
      "e",
      keys.map {
        Subscription(connection: connection, reference: connection.reference(["key": $0]), interval: .seconds(3600))
      })
    var told: [[String: String]] = []
    while told.isEmpty {
      await Task.yield()
      told += lines.taken
    }
    #expect(told.count == 1 && told[0]["reason"]?.hasPrefix("6 references (") == true)
    // Within fifteen minutes all of them fail again; none of these lines waits for another event.
    while told.count < 2 {
      await Task.yield()
      time.advance(by: .seconds(1))
      told += lines.taken
    }
    #expect(told[1]["failures"] == "2")
    scheduler.stop()
  }
}
