import ExecutionModel
import HTTPTransport
import NodePolicy
import ProviderKit
import SecretBytes
import Synchronization
import TestSupport
import Testing

@testable import GCPProvider

/// The default chain takes a silent metadata server for none, but not where it answered before.
@Suite(.timeLimit(.minutes(15))) struct MachineOutageTests {
  @Test func aMetadataServerThatTheChainFoundIsAwayAndNotAbsent() async throws {
    let isSilent = Mutex(false)
    let transport = ScriptedTransport { request, _ in
      func answer(_ body: String) -> Result<HTTPResponse, TransportFailure> {
        .success(
          HTTPResponse(status: 200, headers: HTTPFields([("Metadata-Flavor", "Google")]), body: SecretBytes(body)))
      }
      guard request.url.host == "169.254.169.254" else {
        return answer(#"{"payload": {"data": "djE=", "dataCrc32c": "2735171437"}}"#)
      }
      return isSilent.withLock { $0 }
        ? .failure(TransportFailure(kind: .connect, host: request.url.host, detail: ""))
        : answer(#"{"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}"#)
    }
    let time = ManualTime(skipsSleeps: true)
    let services = ProviderServices.testing(transport: { _ in transport }, time: time)
    let connection = try ProviderConnection.testing(
      #"{"provider": "gcp_secret_manager", "project": "shop"}"#, by: GCPSecretManagerProvider.descriptor)
    let open = OpenConnection(named: "p", services: services)
    let provider = try #require(
      GCPSecretManagerProvider.open(connection.key, over: open) as? GCPSecretManagerProvider)
    _ = try await provider.session.current()
    isSilent.withLock { $0 = true }
    time.advance(by: .seconds(3000))
    for _ in 0..<5 {
      _ = try await provider.session.current()
      await provider.session.attempt?.value
    }
    #expect(open.metrics.counts.staleLogins == 1)
    // Elsewhere, nobody is there.
    let other = OpenConnection(named: "q", services: .testing(transport: { _ in transport }, time: time))
    let absent = try #require(
      GCPSecretManagerProvider.open(connection.key, over: other) as? GCPSecretManagerProvider)
    let failure = await #expect(throws: ProviderFailure.self) { try await absent.session.current() }
    #expect(failure?.kind == .denied && failure?.message.contains("no metadata server answers") == true)
  }
}
