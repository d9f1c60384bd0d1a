import EventLoop
import Glibc
import Logging
import Synchronization

/// A minimal HTTP/1.1 server on the event loop (RFC 9110, 9112): one request a connection, no TLS, whole bodies. On a Unix socket the
/// kernel tells who asks; over TCP nobody is known, so it binds loopback addresses only.
public final class LocalServer: Sendable {
  public typealias Handler = @Sendable (APIRequest) async -> APIResponse

  /// What one socket that listens serves.
  private struct Listener {
    let socket: ListeningSocket
    /// `nil` over TCP.
    let peers: APIPeers?
    let handler: Handler
  }

  private static let tooMany = APIResponse.text("too many connections", status: 503)

  private let loop: EventLoop
  private let log: Logger
  private let name: String
  private let limits: LocalServerLimits
  /// `nil` once the server is closed.
  private let listeners = Mutex<[Task<Void, Never>]?>([])
  private struct Connection {
    let task: Task<Void, Never>
    /// Its descriptor.
    let listener: Int32
    /// It is only told no.
    let isRefusal: Bool
    /// Its place in the order in which they came.
    let number: Int
    /// Its request has not come whole.
    var isWaiting = true
    /// It had to make room for another, and is about to be gone.
    var isLeaving = false
  }

  private struct Connections {
    var open: [Int32: Connection] = [:]
    var count = 0
  }

  /// By descriptor.
  private let connections = Mutex(Connections())

  /// - Parameter name: what it is called in the log and by its refusals.
  public init(loop: EventLoop, log: Logger, name: String = "local API", limits: LocalServerLimits = .init()) {
    self.loop = loop
    self.log = log
    self.name = name
    self.limits = limits
  }

  /// Listens on a Unix socket. The file never has a wider mode than asked; a stale one (nobody listens) is replaced, a live one is a
  /// fault. Peers that no rule admits are answered 403 before anything of theirs is read.
  /// - Parameter group: the file's group, where it is not the agent's.
  public func listen(
    unix path: String, mode: mode_t, group: gid_t?, readers: PeerRule, operators: PeerRule,
    workloads: Set<uid_t> = [], handler: @escaping Handler
  ) throws(LocalServerFault) {
    let socket = try ListeningSocket(unix: path, mode: mode, group: group)
    let peers = APIPeers(operators: operators, readers: readers, workloads: workloads)
    try start(Listener(socket: socket, peers: peers, handler: handler))
  }

  /// Listens on a literal loopback address (127.0.0.0/8, [::1]). Requests whose Host is no loopback name are
  /// answered 403, so that no web page reaches them by a name of its own (DNS rebinding).
  public func listen(tcp host: String, port: Int, handler: @escaping Handler) throws(LocalServerFault) {
    try start(Listener(socket: try ListeningSocket(tcp: host, port: port), peers: nil, handler: handler))
  }

  private func start(_ listener: Listener) throws(LocalServerFault) {
    let isOpen = listeners.withLock { listeners in
      listeners?.append(Task(executorPreference: loop) { await self.run(listener) })
      return listeners != nil
    }
    guard isOpen else {
      listener.socket.close()
      throw LocalServerFault(name, "the server is closed; make a new one", .isTaken)
    }
  }

  /// Stops listening, removes the socket files and ends the connections; handlers under way are cancelled, not waited for.
  public func close() async {
    let tasks = listeners.withLock { listeners in
      defer { listeners = nil }
      return listeners ?? []
    }
    for task in tasks {
      task.cancel()
      await task.value
    }
    for connection in connections.withLock({ Array($0.open.values) }) {
      connection.task.cancel()
    }
  }

  /// Takes connections until the task is cancelled.
  private func run(_ listener: Listener) async {
    await listener.socket.accept(on: loop) {
      log.warning("\(name) takes no connections for now", metadata: ["reason": "out of descriptors or memory"])
    } take: {
      admit($0, listener)
    }
  }

  /// Each listener has its own room, and so have those that are only told no: who may not ask keeps nobody out.
  private func admit(_ descriptor: Int32, _ listener: Listener) {
    let peer = listener.peers.map { $0.peer(of: descriptor) } ?? APIPeer(role: .isReader, user: nil)
    if peer == nil {
      let user = PeerRule.peer(of: descriptor)?.user
      log.info("\(name) peer refused", metadata: ["uid": user.map { .stringConvertible($0) } ?? "unknown"])
    }
    let isTaken = connections.withLock { connections in
      let own = connections.open.filter { $0.value.listener == listener.socket.descriptor && !$0.value.isLeaving }
      let refusals = own.values.count(where: \.isRefusal)
      var isFull = own.count - refusals >= room(for: peer, listener)
      if isFull, listener.peers == nil, let idle = Self.longestWaiting(own) {
        connections.open[idle]?.isLeaving = true
        connections.open[idle]?.task.cancel()
        isFull = false
      }
      let why = peer != nil ? (isFull ? Self.tooMany : nil) : .text("this user may not use the \(name)", status: 403)
      guard why == nil || refusals < limits.refusals else {
        return false
      }
      let task = Task(executorPreference: loop) { await self.serve(descriptor, listener, peer, why) }
      connections.count += 1
      connections.open[descriptor] = Connection(
        task: task, listener: listener.socket.descriptor, isRefusal: why != nil, number: connections.count)
      return true
    }
    if !isTaken {
      Glibc.close(descriptor)
    }
  }

  /// Over TCP, where nobody is known: who asks nothing keeps nobody out who does.
  private static func longestWaiting(_ connections: [Int32: Connection]) -> Int32? {
    connections.filter { $0.value.isWaiting && !$0.value.isRefusal }.min { $0.value.number < $1.value.number }?.key
  }

  /// A quarter is for operators, and another for all but workloads: who may do less keeps none out who may do more.
  private func room(for peer: APIPeer?, _ listener: Listener) -> Int {
    guard let peer, listener.peers != nil else {
      return limits.connections
    }
    return switch peer.role {
    case .isOperator: limits.connections
    case .isReader: limits.connections * 3 / 4
    case .isWorkload: limits.connections / 2
    }
  }

  private func serve(_ descriptor: Int32, _ listener: Listener, _ peer: APIPeer?, _ refusal: APIResponse?) async {
    let connection = LocalConnection(
      socket: LoopSocket(descriptor: descriptor, loop: loop), limits: limits, isLocal: listener.peers != nil,
      peer: peer ?? APIPeer(role: .isWorkload, user: nil))
    await withTaskCancellationHandler {
      if let refusal {
        await connection.send(refusal)
      } else {
        await connection.serve { request in
          connections.withLock { $0.open[descriptor]?.isWaiting = false }
          return await listener.handler(request)
        }
      }
    } onCancel: {
      // A handler may go on for a while; its client need not wait.
      shutdown(descriptor, Int32(SHUT_RDWR))
    }
    connections.withLock { $0.open[descriptor] = nil }
    Glibc.close(descriptor)
  }
}
