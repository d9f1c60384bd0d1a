import EventLoop
import ExecutionModel
import Logging
import ProviderKit
import Resolution
import TestSupport
import Testing

@testable import Refresh

/// An hour in which a store misbehaves towards one path after the other, in every manner. Ten executions share two connections: what
/// is healthy is seen anew within its interval and a second, throughout.
@Suite struct MisbehavingStoreTests {
  private static let interval = Duration.seconds(10)

  private enum Fault: CaseIterable {
    case unreachable, throttled, throttledForAnHour, denied, missing, malformed, hanging
  }

  @Test func oneFailingPathIsNobodyElsesForAnHour() async throws {
    let time = ManualTime()
    let names = ["an hour, first", "an hour, second"]
    let stores = names.map { ScriptedStore($0) }
    let connections = try names.map { name in
      try ProviderConnection.testing(
        #"{"provider": "scripted_calls", "store": "\#(name)"}"#, by: SingleCallsProvider.descriptor)
    }
    let services = ProviderServices.testing(transport: { _ in ScriptedTransport { _, _ in fatalError() } }, time: time)
    let scheduler = await RefreshScheduler(
      pool: ProviderPool(registry: ProviderRegistry([SingleCallsProvider.self]), services: services), time: time,
      random: { 0.5 }, nodeID: "node", log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, observer: { _ in })
    let keys = (0..<10).map { "k\($0)" }
    for key in keys {
      for store in stores {
        store.put(key, "1")
      }
      await scheduler.subscribe(
        key,
        connections.map {
          Subscription(connection: $0, reference: $0.reference(["key": key]), interval: Self.interval)
        })
    }
    let all = connections.flatMap { connection in keys.map { connection.reference(["key": $0]) } }
    var latest = 0
    for second in 0..<3600 {
      let minute = second / 60
      let bad = (store: minute % 2, key: keys[minute / 2 % keys.count])
      let sick = connections[bad.store].reference(["key": bad.key])
      if second % 60 == 0 {
        misbehave(stores[bad.store], bad.key, Fault.allCases[minute % Fault.allCases.count])
      } else if second % 60 == 50 {
        stores[bad.store].hanging = []
        stores[bad.store].put(bad.key, "1")
        _ = await scheduler.refresh([sick])
      }
      time.advance(by: .seconds(1))
      latest = max(latest, await wait(for: all.filter { $0 != sick }, scheduler, time))
    }
    #expect(latest <= 11, "the oldest healthy value was seen \(latest) s before")
    #expect(latest > 0)
  }

  private func misbehave(_ store: ScriptedStore, _ key: String, _ fault: Fault) {
    switch fault {
    case .unreachable: store.fail(key, .transient)
    case .throttled: store.fail(key, .throttled, retryAfter: .seconds(7))
    case .throttledForAnHour: store.fail(key, .throttled, retryAfter: .seconds(3600))
    case .denied: store.fail(key, .denied)
    case .missing: store.fail(key, .missing)
    case .malformed: store.fail(key, .malformed)
    case .hanging: store.hanging = [key]
    }
  }

  /// Lets everything that is due have its turn; the age of the oldest of `references` then, in seconds.
  private func wait(for references: [Reference], _ scheduler: RefreshScheduler, _ time: ManualTime) async -> Int {
    var oldest = Int.max
    for _ in 0..<200 {
      oldest = 0
      for reference in references {
        let seen = await scheduler.state(of: reference)?.lastSuccess
        oldest = max(oldest, seen.map { Int($0.duration(to: time.now).components.seconds) } ?? Int.max)
      }
      if oldest < 10 {
        break
      }
      for _ in 0..<25 {
        await Task.yield()
      }
    }
    return oldest
  }
}
