import ExecutionModel
import HTTPTransport
import NodePolicy
import ProviderKit
import SecretBytes
import Synchronization
import TestSupport
import Testing

@testable import AzureProvider

/// The default chain takes a silent metadata service for none, but not where it answered before.
@Suite(.timeLimit(.minutes(15))) struct MachineOutageTests {
  private final class Network: Sendable {
    let isSilent = Mutex(false)

    var transport: ScriptedTransport {
      ScriptedTransport { request, _ in
        func answer(_ body: String) -> Result<HTTPResponse, TransportFailure> {
          .success(HTTPResponse(status: 200, headers: HTTPFields([]), body: SecretBytes(body)))
        }
        guard request.url.host == "169.254.169.254" else {
          guard request.headers.contains(where: { $0.name == "Authorization" }) else {
            let challenge = #"Bearer authorization="https://login.windows.net/x", resource="https://vault.azure.net""#
            return .success(
              HTTPResponse(
                status: 401, headers: HTTPFields([("WWW-Authenticate", challenge)]),
                body: SecretBytes(#"{"error": {"code": "Unauthorized"}}"#)))
          }
          return answer(#"{"value": "v1", "id": "https://shop.vault.azure.net/secrets/db/1"}"#)
        }
        return self.isSilent.withLock { $0 }
          ? .failure(TransportFailure(kind: .timedOut(.connecting), host: request.url.host, detail: ""))
          : answer(#"{"access_token": "t", "expires_in": "3600", "token_type": "Bearer"}"#)
      }
    }
  }

  private func fetch(_ connection: ProviderConnection, over open: OpenConnection) throws -> () async throws ->
    FetchResult
  {
    let provider = try #require(AzureKeyVaultProvider.open(connection.key, over: open))
    let reference = connection.reference(["secret_name": "db"])
    return { try #require(await provider.fetch(references: [reference]).first) }
  }

  @Test func aMetadataServiceThatTheChainFoundIsAwayAndNotAbsent() async throws {
    let network = Network()
    let transport = network.transport
    let time = ManualTime(skipsSleeps: true)
    func open() -> OpenConnection {
      OpenConnection(named: "p", services: .testing(transport: { _ in transport }, time: time))
    }
    let connection = try ProviderConnection.testing(
      #"{"provider": "azure_key_vault", "vault_url": "https://shop.vault.azure.net"}"#,
      by: AzureKeyVaultProvider.descriptor)
    let (here, elsewhere) = (open(), open())
    let read = try fetch(connection, over: here)
    #expect(try await read().get().payload.unsafeString() == "v1")
    network.isSilent.withLock { $0 = true }
    time.advance(by: .seconds(3000))
    while here.metrics.counts.staleLogins == 0 {
      #expect(try await read().get().payload.unsafeString() == "v1")
      await Task.yield()
    }
    #expect(try await read().get().payload.unsafeString() == "v1")
    let absent = try fetch(connection, over: elsewhere)
    let failure = try await absent().failure
    #expect(failure?.kind == .denied && failure?.message.contains("no Azure identity is there") == true)
  }
}
