import CLibcurl
import DequeModule
import EventLoop

/// The transfers of one client: those under way, those that wait for a place, and the easy handles to use again. Belongs to the
/// loop's thread.
final class TransferLane {
  private struct Waiting {
    let request: HTTPRequest
    let ticket: TransferTicket
  }

  /// Idle handles beyond this many are given back: they hold buffers.
  private static let idleHandles = 8

  private let options: HTTPClientOptions
  /// Shares TLS sessions between the handles of this client, and with no other.
  private let share: OpaquePointer?
  private var limit: InFlightLimit
  private var underWay: [ObjectIdentifier: Transfer] = [:]
  /// How many are over, in all.
  private var ended = 0
  private var waiting: Deque<Waiting> = []
  /// The loop has no room for one more, and tells when it has.
  private var awaitsRoom = false
  private var idle: [EasyHandle] = []
  /// Looks after calls that hang, while others wait for their places.
  private var watch: Task<Void, Never>?

  init(_ options: HTTPClientOptions) {
    self.options = options
    self.limit = InFlightLimit(most: options.maximumInFlight)
    self.share = http_share_create().map { OpaquePointer($0) }
  }

  deinit {
    idle = []
    if let share {
      curl_share_cleanup(UnsafeMutableRawPointer(share))
    }
  }

  func start(_ request: HTTPRequest, _ ticket: TransferTicket, on loop: EventLoop) {
    waiting.append(Waiting(request: request, ticket: ticket))
    startNext(loop)
  }

  func cancel(_ request: HTTPRequest, _ ticket: TransferTicket, on loop: EventLoop) {
    ticket.finish(.failure(TransportFailure(.cancelled, of: request, by: options)))
    guard let transfer = underWay[ObjectIdentifier(ticket)], let handle = transfer.handle,
      loop.transfers.value.remove(handle.easy)
    else {
      return
    }
    end(transfer, ticket, handle)
    startNext(loop)
  }

  private func begin(_ transfer: Transfer, _ ticket: TransferTicket, _ loop: EventLoop) {
    guard let handle = idle.popLast() ?? EasyHandle() else {
      return ticket.finish(.failure(transfer.failure(.invalidRequest, "libcurl gives no handle")))
    }
    if let failure = transfer.configure(handle) {
      // Or its end would clear the buffers of the handle's next user.
      transfer.release()
      ticket.finish(.failure(failure))
      idle.append(handle)
      return
    }
    underWay[ObjectIdentifier(ticket)] = transfer
    let begun = loop.now
    let code = loop.transfers.value.add(handle.easy) { [weak loop] code in
      let outcome = transfer.outcome(code)
      if let loop {
        if code == CURLE_OK {
          let now = loop.now
          self.limit.answered(
            after: begun.duration(to: now) - transfer.connecting, isMultiplexed: transfer.isMultiplexed, at: now)
        }
        self.end(transfer, ticket, handle)
        self.startNext(loop)
      }
      ticket.finish(outcome)
    }
    if code != CURLM_OK {
      ticket.finish(.failure(transfer.failure(.invalidRequest, String(cString: curl_multi_strerror(code)))))
      end(transfer, ticket, handle)
    }
  }

  /// A transfer is over: its handle is idle, and its place is free.
  private func end(_ transfer: Transfer, _ ticket: TransferTicket, _ handle: EasyHandle) {
    transfer.release()
    ended &+= 1
    underWay[ObjectIdentifier(ticket)] = nil
    if underWay.isEmpty {
      limit.rested()
    }
    if idle.count < Self.idleHandles || !waiting.isEmpty {
      idle.append(handle)
    }
  }

  private func startNext(_ loop: EventLoop) {
    let table = loop.transfers.value
    while underWay.count < limit.current, table.hasRoom(isFirst: underWay.isEmpty), let next = waiting.popFirst() {
      if !next.ticket.isOver {
        begin(Transfer(request: next.request, options: options, share: share), next.ticket, loop)
      }
    }
    guard !waiting.isEmpty else {
      watch?.cancel()
      watch = nil
      return
    }
    watchForStalls(loop)
    if !awaitsRoom, !table.hasRoom(isFirst: underWay.isEmpty) {
      awaitsRoom = true
      table.whenRoom { [weak self, weak loop] in
        self?.awaitsRoom = false
        if let loop {
          self?.startNext(loop)
        }
      }
    }
  }

  private func watchForStalls(_ loop: EventLoop) {
    guard watch == nil else {
      return
    }
    let lane = LoopBound(self, on: loop)
    watch = Task(executorPreference: loop) {
      var before = lane.value.ended
      while (try? await loop.sleep(for: InFlightLimit.patience)) != nil, !Task.isCancelled {
        if before == lane.value.ended {
          lane.value.limit.stalled()
          lane.value.startNext(loop)
        }
        before = lane.value.ended
      }
    }
  }
}

/// One easy handle with the C side of its transfers.
final class EasyHandle {
  let easy: UnsafeMutableRawPointer
  let transfer: UnsafeMutablePointer<http_transfer>

  init?() {
    guard let easy = curl_easy_init() else {
      return nil
    }
    self.easy = easy
    self.transfer = .allocate(capacity: 1)
    transfer.initialize(to: http_transfer())
    transfer.pointee.easy = easy
  }

  deinit {
    curl_easy_cleanup(easy)
    http_transfer_clear(transfer)
    transfer.deallocate()
  }
}
