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
  private var limit: InFlightLimit
  private var inFlight = 0
  /// How many are over, in all.
  private var ended = 0
  private var waiting: [Waiting] = []
  private var firstWaiting = 0
  private var idle: [EasyHandle] = []
  /// Looks after calls that hang, while others wait for their places.
  private var watch: Task<Void, Never>?

  init(limit: Int) {
    self.limit = InFlightLimit(most: limit)
    self.share = http_share_create().map { OpaquePointer($0) }
  }

  deinit {
    idle = []
    if let share {
      curl_share_cleanup(UnsafeMutableRawPointer(share))
    }
  }

  func start(_ transfer: Transfer, _ ticket: TransferTicket, on loop: EventLoop) {
    waiting.append(Waiting(transfer: transfer, ticket: ticket))
    startNext(loop)
  }

  func cancel(_ transfer: Transfer, _ ticket: TransferTicket, on loop: EventLoop) {
    ticket.finish(.failure(transfer.failure(.cancelled)))
    guard let handle = transfer.handle, loop.transfers.remove(handle.easy) else {
      return
    }
    end(transfer, handle)
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
    inFlight += 1
    let begun = loop.now
    let code = loop.transfers.add(handle.easy) { [weak loop] code in
      let outcome = transfer.outcome(code)
      if let loop {
        if code == CURLE_OK {
          let now = loop.now
          self.limit.answered(
            after: begun.duration(to: now) - transfer.connecting, isMultiplexed: transfer.isMultiplexed, at: now)
        }
        self.end(transfer, handle)
        self.startNext(loop)
      }
      ticket.finish(outcome)
    }
    if code != CURLM_OK {
      ticket.finish(.failure(transfer.failure(.invalidRequest, String(cString: curl_multi_strerror(code)))))
      end(transfer, handle)
    }
  }

  /// A transfer is over: its handle is idle, and its place is free.
  private func end(_ transfer: Transfer, _ handle: EasyHandle) {
    transfer.release()
    ended &+= 1
    inFlight -= 1
    if inFlight == 0 {
      limit.rested()
    }
    if idle.count < Self.idleHandles || firstWaiting < waiting.count {
      idle.append(handle)
    }
  }

  private func startNext(_ loop: EventLoop) {
    while inFlight < limit.current, firstWaiting < waiting.count {
      let next = waiting[firstWaiting]
      firstWaiting += 1
      if firstWaiting > 1024, firstWaiting * 2 > waiting.count {
        waiting.removeFirst(firstWaiting)
        firstWaiting = 0
      }
      if !next.ticket.isOver {
        begin(next.transfer, next.ticket, loop)
      }
    }
    if firstWaiting < waiting.count {
      watchForStalls(loop)
    } else {
      waiting.removeAll(keepingCapacity: true)
      firstWaiting = 0
      watch?.cancel()
      watch = nil
    }
  }

  private func watchForStalls(_ loop: EventLoop) {
    guard watch == nil else {
      return
    }
    watch = Task(executorPreference: loop) {
      var before = self.ended
      while (try? await loop.sleep(for: InFlightLimit.patience)) != nil, !Task.isCancelled {
        if before == self.ended {
          self.limit.stalled()
          self.startNext(loop)
        }
        before = self.ended
      }
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
