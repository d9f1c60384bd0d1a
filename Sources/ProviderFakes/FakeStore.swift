/// What a store's fake answers from: one state, however many ports it is served on.
protocol FakeCore: Sendable {
  /// - Parameter scheme: of the port that was asked.
  func answer(_ request: RecordedRequest, scheme: String) -> FakeReply
  /// The store's own endpoints below `/_fake/`; `nil` for others.
  func administer(_ request: RecordedRequest) -> FakeReply?
}

/// A local server that behaves as a store does.
public protocol FakeStore: Sendable {
  var server: FakeServer { get }
}

extension FakeStore {
  public var address: String { server.address }
  public var recorder: RequestRecorder { server.recorder }
  public var faults: FaultTable { server.faults }

  public func stop() async {
    await server.stop()
  }
}

extension FakeServer {
  /// Serves `core` beside the endpoints below `/_fake/` that all fakes have.
  static func serving(
    _ core: some FakeCore, port: Int, tls: FakeTLS, recorder: RequestRecorder = RequestRecorder(),
    faults: FaultTable = FaultTable()
  ) async throws -> FakeServer {
    let administration = FakeAdministration(recorder: recorder, faults: faults)
    return try await start(port: port, tls: tls, recorder: recorder, faults: faults) { request in
      request.path.hasPrefix("/_fake/")
        ? core.administer(request) ?? administration.answer(request) : core.answer(request, scheme: tls.scheme)
    }
  }

  /// Serves `core` on one more port, which shares this one's record and faults.
  func joined(by core: some FakeCore, port: Int, tls: FakeTLS) async throws -> FakeServer {
    try await Self.serving(core, port: port, tls: tls, recorder: recorder, faults: faults)
  }
}
