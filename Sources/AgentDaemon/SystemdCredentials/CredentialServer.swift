import CLinux
import EventLoop
import Glibc
import Logging
import SecretBytes
import Synchronization
import Text

/// The socket that `LoadCredential=ID:PATH` of a unit names: systemd connects, closes its half, and reads to the end. What cannot be
/// given is an empty answer with a line in the log, since the protocol has no other.
final class CredentialServer: Sendable {
  /// How long systemd may take to read an answer.
  private static let answerTime = Duration.seconds(10)
  /// Connections that may wait for a generation at once, which is more than a node starts units. One more is given what there is: left
  /// in the kernel's queue it would wait beyond its bound, and whoever comes after it too, whose credential is there.
  static let mostWaiting = 1024

  private let loop: EventLoop
  private let log: Logger
  private let socket: ListeningSocket
  private let lookup: CredentialLookup
  private let connections = Mutex<[Int32: Task<Void, Never>]>([:])
  private let accepting = Mutex<Task<Void, Never>?>(nil)

  /// Listens at `path`, for root and the agent's own user alone.
  init(path: String, loop: EventLoop, log: Logger, lookup: CredentialLookup) throws(LocalServerFault) {
    self.loop = loop
    self.log = log
    self.lookup = lookup
    socket = try ListeningSocket(unix: path, mode: 0o600, group: nil)
    let task = Task(executorPreference: loop) { await self.run() }
    accepting.withLock { $0 = task }
  }

  /// Stops listening, removes the socket file and ends the connections.
  func close() async {
    let task = accepting.withLock { $0 }
    task?.cancel()
    await task?.value
    for connection in connections.withLock({ Array($0.values) }) {
      connection.cancel()
    }
  }

  private func run() async {
    // Of the descriptors most are for others.
    let mostWaiting = min(Self.mostWaiting, max(16, linux_descriptor_limit() / 4))
    await socket.accept(on: loop) {
      log.warning("no credentials for now", metadata: ["reason": "out of descriptors or memory"])
    } take: { connection in
      guard PeerRule(users: [], groups: []).admits(connection) else {
        let user = PeerRule.peer(of: connection)?.user
        log.warning(
          "credential refused",
          metadata: [
            "uid": user.map { .stringConvertible($0) } ?? "unknown", "reason": "only root loads credentials",
          ])
        Glibc.close(connection)
        return
      }
      let mayWait = connections.withLock { $0.count } < mostWaiting
      let task = Task(executorPreference: loop) { await self.serve(connection, mayWait: mayWait) }
      connections.withLock { $0[connection] = task }
    }
  }

  private func serve(_ connection: Int32, mayWait: Bool) async {
    defer {
      connections.withLock { $0[connection] = nil }
      Glibc.close(connection)
    }
    let process = PeerRule.process(of: connection)
    let address = CredentialRequest.peerAddress(of: connection)
    guard let request = address.flatMap({ CredentialRequest(address: $0) }) else {
      log.warning(
        "credential refused",
        metadata: [
          "pid": .stringConvertible(process), "address": "\(CredentialRequest.shown(address))",
          "reason": "the peer's address names no unit and credential, as systemd's for LoadCredential= does",
        ])
      return
    }
    do throws(CredentialLookup.Refusal) {
      let value = try await lookup.credential(request, process: process, mayWait: mayWait)
      let deadline = loop.now.advanced(by: Self.answerTime)
      guard await LoopSocket(descriptor: connection, loop: loop).write(value, until: deadline) else {
        return note(request, .info, "credential not read to its end", "systemd has gone, or took too long")
      }
      note(request, .info, "credential served", nil)
    } catch {
      note(request, .warning, "credential not served: an empty answer", error.reason)
    }
  }

  private func note(_ request: CredentialRequest, _ level: Logger.Level, _ event: Logger.Message, _ reason: String?) {
    var metadata: Logger.Metadata = [
      "unit": "\(ShownText.clean(request.unit))", "credential": "\(ShownText.clean(request.credential))",
    ]
    metadata["reason"] = reason.map { "\($0)" }
    log.log(level: level, event, metadata: metadata)
  }
}
