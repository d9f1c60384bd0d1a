import EventLoop
import HTTPTransport
import ProviderKit
import SecretBytes
import Synchronization
import TestSupport

/// A login whose outcome a test sets; it counts, and takes its time where it is told to. Credentials are numbers, from 1.
final class ScriptedLogin: Sendable {
  private struct State {
    var logins = 0
    var lengthened = 0
    var life: Duration? = .seconds(3600)
    var failure: ProviderFailure?
    var lengthening: Result<Duration?, ProviderFailure> = .success(nil)
    var takes: Duration?
  }

  private let state = Mutex(State())
  let time: ManualTime
  let metrics = ConnectionMetrics()

  init(time: ManualTime = ManualTime()) {
    self.time = time
  }

  var logins: Int { state.withLock { $0.logins } }
  var lengthened: Int { state.withLock { $0.lengthened } }

  /// What a login gives lives for so long.
  func gives(life: Duration?) {
    state.withLock { state in
      state.life = life
      state.failure = nil
    }
  }

  func fails(
    _ kind: ProviderFailure.Class, status: Int? = nil, from source: ProviderFailure.Source? = nil,
    retryAfter: Duration? = nil
  ) {
    state.withLock {
      $0.failure = ProviderFailure(
        kind, connection: "c", status: status, retryAfter: retryAfter, from: source, "scripted \(kind.rawValue)")
    }
  }

  func takes(_ span: Duration?) { state.withLock { $0.takes = span } }

  /// What becomes of lengthening: a longer life, none (`nil`), or a failure.
  func lengthens(_ outcome: Result<Duration?, ProviderFailure>) { state.withLock { $0.lengthening = outcome } }

  func session(random: Double = 0.5) -> Session<Int> {
    Session(over: connection(random)) { () throws(ProviderFailure) in try await self.grant() }
  }

  /// Of grants that end for certain and may be lengthened.
  func lengtheningSession(isLengthened: Bool = true) -> Session<Int> {
    Session(over: connection(0.5), end: .certain) { number throws(ProviderFailure) in
      let outcome = self.state.withLock { state in
        state.lengthened += 1
        return state.lengthening
      }
      return try outcome.get().map { self.made(number, life: $0, isLengthened: isLengthened) }
    } logIn: { () throws(ProviderFailure) in
      let grant = try await self.grant()
      return .init(
        credential: grant.credential, until: grant.until, renewAt: grant.renewAt, isLengthened: isLengthened)
    }
  }

  private func connection(_ random: Double) -> OpenConnection {
    let nobody = ScriptedTransport { _, _ in .failure(TransportFailure(kind: .connect, host: "c", detail: "")) }
    return OpenConnection(
      named: "c", services: .testing(transport: { _ in nobody }, time: time, random: random), metrics: metrics)
  }

  private func grant() async throws(ProviderFailure) -> Session<Int>.Grant {
    let (number, span) = state.withLock { state in
      state.logins += 1
      return (state.logins, state.takes)
    }
    if let span {
      do throws(CancellationError) {
        try await time.sleep(for: span)
      } catch {
        throw ProviderFailure(.transient, connection: "c", "cancelled while logging in")
      }
    }
    let (failure, life) = state.withLock { ($0.failure, $0.life) }
    if let failure {
      throw failure
    }
    return made(number, life: life, isLengthened: false)
  }

  private func made(_ number: Int, life: Duration?, isLengthened: Bool) -> Session<Int>.Grant {
    let until = life.map { time.now.advanced(by: $0) }
    return .init(
      credential: number, until: until,
      renewAt: life.map { time.now.advanced(by: $0 - RefreshWindow.lead(of: $0)) }, isLengthened: isLengthened)
  }
}

extension Session<Int> {
  func number() async throws -> Int { try await current().credential }

  /// What is given out once the renewal that a caller may have started on the side is over.
  func settled() async throws -> Int {
    _ = try await current()
    await attempt?.value
    return try await current().credential
  }

  func failure() async throws -> ProviderFailure? {
    do throws(ProviderFailure) {
      _ = try await current()
      return nil
    } catch {
      return error
    }
  }
}
