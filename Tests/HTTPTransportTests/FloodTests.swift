import CLibcurl
import EventLoop
import HTTPTransport
import ProviderFakes
import SecretBytes
import TestSupport
import Testing

/// A server that never stops sending holds neither the loop nor its own time limit.
@Suite(
  .timeLimit(.minutes(15)),
  .enabled(if: FloodServer.python != nil, "SECRETS_AGENT_PYTHON does not name a Python; see `make test`"))
struct FloodTests {
  @Test(arguments: FloodServer.Frame.allCases)
  func othersAreAnsweredDuringAFlood(_ frame: FloodServer.Frame) throws {
    let (authority, folder) = (try CertificateAuthority(), try ScratchFolder())
    let flood = try FloodServer(frame, try authority.server(), in: folder.path)
    let other = try RawServer.answering(answer("in time"))
    let port = flood.port
    try onLoop { loop async throws in
      let client = loop.client { $0.tls.ca = SecretBytes(authority.authority.certificate) }
      let task = Task(executorPreference: loop) {
        try await client.failure("https://localhost:\(port)/", timeout: .seconds(240)).kind
      }
      let healthy = loop.client()
      // The flood begins at some time during these, and does not end.
      while other.requests.count < 50 {
        #expect(try await healthy.get(other.origin).text == "in time")
      }
      task.cancel()
      #expect(try await task.value == .cancelled)
    }
    #expect(other.requests.count == 50)
  }

  @Test func itsOwnTimeLimitHolds() throws {
    let (authority, folder) = (try CertificateAuthority(), try ScratchFolder())
    let flood = try FloodServer(.unknown, try authority.server(), in: folder.path)
    let port = flood.port
    try onLoop { loop async throws in
      let client = loop.client { $0.tls.ca = SecretBytes(authority.authority.certificate) }
      #expect(try await client.failure("https://localhost:\(port)/", timeout: .seconds(1)).kind == .timedOut(.waiting))
    }
  }

  @Test func libcurlReadsThroughTheLimit() {
    #expect(http_turns_are_limited())
  }
}
