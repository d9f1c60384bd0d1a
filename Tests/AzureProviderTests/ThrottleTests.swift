import HTTPTransport
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing
import Text

@testable import AzureProvider

private func response(_ status: Int, retryAfter: String? = nil) -> HTTPResponse {
  HTTPResponse(status: status, headers: HTTPFields(retryAfter.map { [("Retry-After", $0)] } ?? []), body: SecretBytes())
}

private func request() throws -> HTTPRequest {
  HTTPRequest(method: .get, url: try HTTPURL(parsing: "https://s.vault.azure.net/"))
}

@Test(.timeLimit(.minutes(15))) func aThrottledVaultIsLeftAloneByAllCalls() async throws {
  let time = ManualTime()
  let transport = ScriptedTransport { _, number in
    .success(number == 0 ? response(429, retryAfter: "10") : response(200))
  }
  let services = ProviderServices.testing(transport: { _ in transport }, time: time)
  let throttle = KeyVaultThrottle(transport, services: services)
  let asked = try request()
  #expect(try await throttle.send(asked).status == 429)
  async let first = throttle.send(asked)
  async let second = throttle.send(asked)
  await time.sleepers(2)
  time.advance(by: .seconds(9))
  await time.sleepers(2)
  #expect(transport.requests.count == 1)
  time.advance(by: .seconds(1))
  #expect(try await [first.status, second.status] == [200, 200])
  #expect(transport.requests.count == 3)
}

@Test func withoutRetryAfterThePausesGrow() async throws {
  let time = ManualTime(skipsSleeps: true)
  let transport = ScriptedTransport { _, _ in .success(response(429)) }
  let throttle = KeyVaultThrottle(transport, services: .testing(transport: { _ in transport }, time: time))
  for _ in 0..<7 {
    #expect(try await throttle.send(request()).status == 429)
  }
  #expect(time.slept == [1, 2, 4, 8, 16, 16].map { .seconds($0) })
}

@Test(.timeLimit(.minutes(15))) func aCallThatIsGivenUpTellsOfTheLimit() async throws {
  let time = ManualTime()
  let transport = ScriptedTransport { _, _ in .success(response(429, retryAfter: "10")) }
  let throttle = KeyVaultThrottle(transport, services: .testing(transport: { _ in transport }, time: time))
  let asked = try request()
  _ = try await throttle.send(asked)
  let waiting = Task { try await throttle.send(asked).status }
  await time.sleepers(1)
  waiting.cancel()
  #expect(try await waiting.value == 429)
  #expect(transport.requests.count == 1)
}

@Test func aLongPauseIsNotSatOut() async throws {
  let time = ManualTime()
  let transport = ScriptedTransport { _, _ in .success(response(429, retryAfter: "600")) }
  let throttle = KeyVaultThrottle(transport, services: .testing(transport: { _ in transport }, time: time))
  _ = try await throttle.send(try request())
  #expect(try await throttle.send(try request()).status == 429)
  #expect(transport.requests.count == 1)
}

@Test func aPauseBeyondTheWorksEndIsNotSatOut() async throws {
  let time = ManualTime()
  let transport = ScriptedTransport { _, _ in .success(response(429, retryAfter: "10")) }
  let throttle = KeyVaultThrottle(transport, services: .testing(transport: { _ in transport }, time: time))
  try await WorkLimit.$end.withValue(time.now.advanced(by: .seconds(10))) {
    _ = try await throttle.send(try request())
    #expect(try await throttle.send(try request()).status == 429)
  }
  #expect(transport.requests.count == 1 && time.slept.isEmpty)
}

@Test func aThrottledReadIsTriedAgainAfterItsTime() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let connection = try scene.connect()
    _ = try await connection.provider.logIn()
    scene.fake.faults.add(.retryAfter(status: 429, seconds: 5), on: "GET /secrets/*", times: 1)
    #expect(try await connection.fetch("db").get().payload.unsafeString() == "p@ss")
    #expect(scene.time.slept.contains { $0 >= .seconds(5) })
    #expect(scene.vaultRequests.count == 3)
  }
}
