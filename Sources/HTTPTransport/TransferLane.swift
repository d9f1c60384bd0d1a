import CLibcurl
import EventLoop

/// The transfers of one client: those under way, those that wait for a place, and the easy handles to use again.
// Everything but `init` and `deinit` runs on the loop's thread: `send` prefers the loop as its executor, completions and
// cancellations come from it.
final class TransferLane: @unchecked Sendable {
  private struct Waiting {
    let transfer: Transfer
    let ticket: TransferTicket
  }

  /// Idle handles beyond this many are given back: they hold buffers.
  private static let idleHandles = 8

  /// Shares TLS sessions between the handles of this client, and with no other.
  let share: OpaquePointer?
  private let limit: Int
  private var inFlight = 0
  private var waiting: [Waiting] = []
  private var firstWaiting = 0
  private var idle: [EasyHandle] = []

  init(limit: Int) {
    self.limit = max(limit, 1)
    self.share = http_share_create().map { OpaquePointer($0) }
  }

  deinit {
    idle = []
    if let share {
      curl_share_cleanup(UnsafeMutableRawPointer(share))
    }
  }

  func start(_ transfer: Transfer, _ ticket: TransferTicket, on loop: EventLoop) {
    guard inFlight < limit else {
      waiting.append(Waiting(transfer: transfer, ticket: ticket))
      return
    }
    begin(transfer, ticket, loop)
  }

  func cancel(_ transfer: Transfer, _ ticket: TransferTicket, on loop: EventLoop) {
    ticket.finish(.failure(transfer.failure(.cancelled)))
    guard let handle = transfer.handle, loop.transfers.remove(handle.easy) else {
      return
    }
    end(transfer, handle, loop)
  }

  private func begin(_ transfer: Transfer, _ ticket: TransferTicket, _ loop: EventLoop) {
    guard !ticket.isOver else {
      return startNext(loop)
    }
    guard let handle = idle.popLast() ?? EasyHandle() else {
      ticket.finish(.failure(transfer.failure(.invalidRequest, "libcurl gives no handle")))
      return startNext(loop)
    }
    if let failure = transfer.configure(handle) {
      // Or its end would clear the buffers of the handle's next user.
      transfer.release()
      ticket.finish(.failure(failure))
      idle.append(handle)
      return startNext(loop)
    }
    inFlight += 1
    let code = loop.transfers.add(handle.easy) { [weak loop] code in
      let outcome = transfer.outcome(code)
      if let loop {
        self.end(transfer, handle, loop)
      }
      ticket.finish(outcome)
    }
    if code != CURLM_OK {
      ticket.finish(.failure(transfer.failure(.invalidRequest, String(cString: curl_multi_strerror(code)))))
      end(transfer, handle, loop)
    }
  }

  /// A transfer is over: its handle is idle, and its place goes to the next.
  private func end(_ transfer: Transfer, _ handle: EasyHandle, _ loop: EventLoop) {
    transfer.release()
    inFlight -= 1
    if idle.count < Self.idleHandles || waiting.count > firstWaiting {
      idle.append(handle)
    }
    startNext(loop)
  }

  private func startNext(_ loop: EventLoop) {
    while inFlight < limit, firstWaiting < waiting.count {
      let next = waiting[firstWaiting]
      firstWaiting += 1
      if firstWaiting > 1024, firstWaiting * 2 > waiting.count {
        waiting.removeFirst(firstWaiting)
        firstWaiting = 0
      }
      if !next.ticket.isOver {
        return begin(next.transfer, next.ticket, loop)
      }
    }
    if firstWaiting == waiting.count {
      waiting.removeAll(keepingCapacity: true)
      firstWaiting = 0
    }
  }
}

/// One easy handle with the C side of its transfers.
// Used by one transfer at a time, on the loop's thread.
final class EasyHandle: @unchecked Sendable {
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
