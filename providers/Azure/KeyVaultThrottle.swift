import EventLoop
import HTTPTransport
import ProviderKit
import Synchronization

/// Holds all calls to one vault back after it answered 429, since its limits count the vault's calls and not the secret's
/// (https://learn.microsoft.com/azure/key-vault/general/overview-throttling).
final class KeyVaultThrottle: HTTPSending {
  /// The pause where the vault does not say how long, doubled by each further 429 up to the longest.
  static let first: Duration = .seconds(1)
  static let longest: Duration = .seconds(16)

  private struct Closed {
    let until: Moment
    let pause: Duration
    let answer: HTTPResponse
  }

  private let closed = Mutex<Closed?>(nil)
  private let transport: any HTTPSending
  private let services: ProviderServices

  init(_ transport: any HTTPSending, services: ProviderServices) {
    self.transport = transport
    self.services = services
  }

  /// Sends once the vault takes calls again. A wait that is cancelled, longer than ``longest``, or longer than the work may take, gives
  /// the answer that made it necessary: who asked decides when to ask again.
  func send(_ request: HTTPRequest) async throws(TransportFailure) -> HTTPResponse {
    while let closed = closed.withLock({ $0 }), services.time.now < closed.until {
      let now = services.time.now
      let wait = now.duration(to: closed.until)
      guard wait <= Self.longest, WorkLimit.leavesRoom(for: wait, at: now) else {
        return closed.answer
      }
      do throws(CancellationError) {
        try await services.time.sleep(until: closed.until)
      } catch {
        return closed.answer
      }
    }
    let response = try await transport.send(request)
    if response.status == 429 {
      close(after: response)
    } else {
      open()
    }
    return response
  }

  private func close(after response: HTTPResponse) {
    let asked = RetryAfter.wait(response, unixTime: services.time.unixTime)
    let now = services.time.now
    closed.withLock { closed in
      // Answers to calls that were on their way together are one event, not several.
      let isOpen = closed.map { $0.until <= now } ?? true
      let pause = isOpen ? min(closed.map { $0.pause * 2 } ?? Self.first, Self.longest) : closed?.pause ?? Self.first
      let until = now.advanced(by: asked ?? pause)
      closed = Closed(until: max(until, closed?.until ?? until), pause: pause, answer: response)
    }
  }

  /// Forgets the pauses once a call got through after them.
  private func open() {
    let now = services.time.now
    closed.withLock { closed in
      if let until = closed?.until, until <= now {
        closed = nil
      }
    }
  }
}
