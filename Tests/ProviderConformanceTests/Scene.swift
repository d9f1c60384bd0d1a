import EventLoop
import ExecutionModel
import HTTPTransport
import Logging
import NodePolicy
import ProviderKit
import SecretBytes
import TestSupport
import Testing

/// A provider type with the double of its store, over real HTTP, on virtual time.
struct Scene: Sendable {
  /// Which values the store has.
  static let numbers = 0..<100
  /// Every credential and every value begins with this word, which nothing else has in it.
  static let secretMark = "swordfish"

  let type: ProviderUnderTest
  let store: any StoreDouble
  let time: ManualTime
  let wire: Wire
  let log: LogBook
  let folder: ScratchFolder
  /// Where tasks of a test must run: the pool's threads may all be held by other tests' loops.
  let loop: EventLoop
  private let policy: NodePolicy

  /// Runs `body` on an event loop with a started double.
  ///
  /// - Parameter standingStill: whether the clock moves only when the test moves it, so that logins have an end; else whoever sleeps
  ///   moves it on.
  static func run(
    _ type: ProviderUnderTest, standingStill: Bool = false, policy: NodePolicy = .personal,
    _ body: @escaping @Sendable (Scene) async throws -> Void
  ) throws {
    let loop = try EventLoop()
    let folder = try ScratchFolder()
    let outcome = loop.run { () async -> Result<Void, any Error> in
      do {
        let time = ManualTime(skipsSleeps: !standingStill)
        let store = try await type.store.start(
          StoreSetting(
            time: time, folder: folder, numbers: numbers, value: { type.value($0) ?? secretMark },
            loginsEnd: standingStill))
        let log = LogBook()
        let wire = Wire(loop: loop, log: log.logger)
        let scene = Scene(
          type: type, store: store, time: time, wire: wire, log: log, folder: folder, loop: loop, policy: policy)
        let outcome: Result<Void, any Error>
        do {
          outcome = .success(try await body(scene))
        } catch {
          outcome = .failure(error)
        }
        await store.stop()
        return outcome
      } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  /// A connection of its own, which shares nothing with others.
  func connect(auth: JSON? = nil) throws -> Connected {
    let entries = Self.numbers.map { ("v\($0)", type.entry($0, folder: folder.path)) }
    let item = try ProviderUnderTest.document(
      type.connection(address: store.address, folder: folder.path, auth: auth),
      entries + [("absent", type.entry(nil, folder: folder.path))])
    let execution = try ProviderCatalog([type.descriptor]).validate(item).execution
    let connection = try #require(execution.providers.first)
    let open = OpenConnection(
      named: connection.name, services: services, takesCA: connection.descriptor.takesCA)
    return Connected(
      type: type, provider: try type.open(connection.key, over: open), metrics: open.metrics,
      references: execution.secrets.map(\.reference))
  }

  private var services: ProviderServices {
    ProviderServices(
      transport: { [wire] in wire.client($0) }, time: time, random: { 0.5 },
      environment: NodeEnvironment(policy: policy) { [store] in store.variables[$0].map { SecretBytes($0) } },
      policy: policy, log: log.logger, executor: loop)
  }

  /// Moves every clock on.
  func pass(_ span: Duration) {
    time.advance(by: span)
    store.passed(span)
  }

  func part(of request: HTTPRequest) -> CallPart { type.store.part(of: request) }

  /// How many requests were sent for `part`.
  func sent(_ part: CallPart) -> Int { wire.requests.count { self.part(of: $0) == part } }
}

/// A provider with the references of its document.
struct Connected: Sendable {
  let type: ProviderUnderTest
  let provider: any SecretProvider
  let metrics: ConnectionMetrics
  /// By number; the last one is absent.
  let references: [Reference]

  /// - Parameter numbers: of values; `nil`: the one that is not there.
  func fetch(_ numbers: [Int?]) async -> [FetchResult] {
    await provider.fetch(references: numbers.map { references[$0 ?? references.count - 1] })
  }

  func fetch(_ numbers: Range<Int>) async -> [FetchResult] { await fetch(numbers.map { $0 }) }

  /// Fetches, and holds every result against what the store has.
  func read(
    _ numbers: [Int?], _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    let results = await fetch(numbers)
    #expect(results.count == numbers.count, comment, sourceLocation: sourceLocation)
    for (number, result) in zip(numbers, results) {
      switch (number, result) {
      case (let number?, .success(let secret)):
        let text = secret.payload.unsafeString() ?? ""
        #expect(text == type.value(number) ?? text && !text.isEmpty, comment, sourceLocation: sourceLocation)
      case (nil, .failure(let failure)):
        #expect(failure.kind == .missing, comment, sourceLocation: sourceLocation)
      case (let number, .failure(let failure)):
        Issue.record("value \(number ?? -1): \(failure.line)", sourceLocation: sourceLocation)
      case (nil, .success):
        Issue.record("there is a value where there is none", sourceLocation: sourceLocation)
      }
    }
  }

  func read(
    _ numbers: Range<Int>, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    await read(numbers.map { $0 }, comment, sourceLocation: sourceLocation)
  }
}
