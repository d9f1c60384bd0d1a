import CLinux
import EventLoop
import Glibc
import Logging
import SecretBytes
import Synchronization

/// A minimal HTTP/1.1 server on the event loop (RFC 9110, 9112): one request a connection, no TLS, whole bodies. On a Unix socket the
/// kernel tells who asks; over TCP nobody is known, so it binds loopback addresses only.
public final class LocalServer: Sendable {
  public typealias Handler = @Sendable (APIRequest) async -> APIResponse

  private struct State {
    var nextNumber: UInt64 = 0
    var listeners: [UInt64: (socket: ListeningSocket, watch: DescriptorWatch?)] = [:]
    var connections: [UInt64: (socket: LoopSocket, task: Task<Void, Never>)] = [:]
    /// Of those, the ones that are only told no.
    var refusals: Set<UInt64> = []
    var isClosed = false
  }

  private let loop: EventLoop
  private let log: Logger
  private let limits: LocalServerLimits
  private let state = Mutex(State())

  public init(loop: EventLoop, log: Logger, limits: LocalServerLimits = .init()) {
    self.loop = loop
    self.log = log
    self.limits = limits
  }

  /// Listens on a Unix socket. The file never has a wider mode than asked; a stale one (nobody listens) is replaced, a live one is a
  /// fault. Peers other than root, the agent's own user, `allowedUsers` and members of `allowedGroups` are answered 403 before
  /// anything of theirs is read.
  /// - Parameter group: the file's group, where it is not the agent's.
  public func listen(
    unix path: String, mode: mode_t, group: gid_t?, allowedUsers: Set<uid_t>, allowedGroups: Set<gid_t>,
    handler: @escaping Handler
  ) throws(LocalServerFault) {
    let socket = try ListeningSocket(unix: path, mode: mode, group: group)
    let rule = PeerRule(users: allowedUsers, groups: allowedGroups)
    try start(socket, at: path, Service(rule: rule, bodyLimit: limits.bodyBytes, handler: handler))
  }

  /// Listens on a literal loopback address (127.0.0.0/8, ::1); port 0 is any free one. Requests whose Host is no loopback name are
  /// answered 403, so that no web page reaches them by a name of its own (DNS rebinding).
  /// - Returns: the bound port.
  public func listen(tcp host: String, port: Int, handler: @escaping Handler) throws(LocalServerFault) -> Int {
    let socket = try ListeningSocket(tcp: host, port: port)
    try start(socket, at: host, Service(rule: nil, bodyLimit: limits.tcpBodyBytes, handler: handler))
    return socket.port
  }

  /// Stops listening, removes the socket file and ends the connections; handlers under way are cancelled, not waited for.
  public func close() async {
    let (listeners, connections) = state.withLock { state in
      state.isClosed = true
      defer { state.listeners = [:] }
      return (Array(state.listeners.values), Array(state.connections.values))
    }
    for listener in listeners {
      listener.watch?.cancel()
      listener.socket.close()
    }
    for connection in connections {
      connection.task.cancel()
      connection.socket.end()
    }
  }

  // MARK: - Listening

  private func start(_ socket: ListeningSocket, at address: String, _ service: Service) throws(LocalServerFault) {
    let number = state.withLock { state -> UInt64? in
      guard !state.isClosed else {
        return nil
      }
      state.nextNumber &+= 1
      state.listeners[state.nextNumber] = (socket, nil)
      return state.nextNumber
    }
    guard let number else {
      socket.close()
      throw LocalServerFault(address, "the server is closed", remedy: "make a new one")
    }
    do {
      try watch(number, socket, service)
    } catch {
      state.withLock { $0.listeners[number] = nil }
      socket.close()
      throw LocalServerFault(address, "cannot be watched (\(error))", remedy: "raise the limit of open files")
    }
  }

  private func watch(_ number: UInt64, _ socket: ListeningSocket, _ service: Service) throws(EventLoopFault) {
    let watch = try loop.watch(socket.descriptor, .readable) { [weak self] _ in
      self?.accept(number, socket, service)
    }
    let isThere = state.withLock { state in
      guard state.listeners[number] != nil else {
        return false
      }
      state.listeners[number] = (socket, watch)
      return true
    }
    if !isThere {
      watch.cancel()
    }
  }

  /// Takes what waits, a few at a time; the loop calls again for the rest.
  private func accept(_ number: UInt64, _ socket: ListeningSocket, _ service: Service) {
    guard state.withLock({ $0.listeners[number] != nil }) else {
      return
    }
    for _ in 0..<32 {
      let descriptor = linux_accept(socket.descriptor)
      if descriptor >= 0 {
        admit(descriptor, service)
      } else if errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM {
        pause(number, socket, service)
        return
      } else if errno != ECONNABORTED, errno != EINTR {
        return
      }
    }
  }

  /// Without descriptors to be had, the socket would be ready for ever: it is left alone for a while.
  private func pause(_ number: UInt64, _ socket: ListeningSocket, _ service: Service) {
    log.warning("local API takes no connections for now", metadata: ["reason": "out of descriptors or memory"])
    state.withLock { $0.listeners[number]?.watch }?.cancel()
    Task(executorPreference: loop) { [weak self, loop] in
      try? await loop.sleep(for: .milliseconds(500))
      guard let self, self.state.withLock({ $0.listeners[number] != nil }) else {
        return
      }
      do {
        try self.watch(number, socket, service)
      } catch {
        self.pause(number, socket, service)
      }
    }
  }

  // MARK: - Connections

  private func admit(_ descriptor: Int32, _ service: Service) {
    let peer = service.rule == nil ? nil : PeerRule.peer(of: descriptor)
    if let rule = service.rule, !(peer.map { rule.admits($0, on: descriptor) } ?? false) {
      log.info("local API peer refused", metadata: ["uid": "\(peer.map { String($0.uid) } ?? "unknown")"])
      serve(descriptor, refusal: .text("this user may not use the local API", status: 403), peer, service)
      return
    }
    let isFull = state.withLock { $0.connections.count - $0.refusals.count >= limits.connections }
    serve(descriptor, refusal: isFull ? .text("too many connections", status: 503) : nil, peer, service)
  }

  private func serve(_ descriptor: Int32, refusal: APIResponse?, _ peer: PeerCredentials?, _ service: Service) {
    let socket = LoopSocket(descriptor, loop: loop)
    let connection = LocalConnection(
      socket: socket, loop: loop, limits: limits, bodyLimit: service.bodyLimit, peer: peer, isLocal: service.rule != nil
    )
    let isTaken = state.withLock { state -> Bool in
      guard !state.isClosed, refusal == nil || state.refusals.count < limits.refusals else {
        return false
      }
      state.nextNumber &+= 1
      let number = state.nextNumber
      let task = Task(executorPreference: loop) {
        if let refusal {
          await connection.refuse(refusal)
        } else {
          await connection.serve(service.handler)
        }
        socket.close()
        self.state.withLock { state in
          state.connections[number] = nil
          state.refusals.remove(number)
        }
      }
      state.connections[number] = (socket, task)
      if refusal != nil {
        state.refusals.insert(number)
      }
      return true
    }
    if !isTaken {
      socket.close()
    }
  }
}

/// What one listener serves.
private struct Service: Sendable {
  /// `nil` over TCP.
  let rule: PeerRule?
  let bodyLimit: Int
  let handler: LocalServer.Handler
}
