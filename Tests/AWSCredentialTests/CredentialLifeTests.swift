import HTTPTransport
import ProviderKit
import SecretBytes
import Synchronization
import TestSupport
import Testing

@testable import AWSProvider

/// Temporary credentials over time. `ManualTime` starts at 1,800,000,000, which is 2027-01-15T08:00:00Z.
@Suite struct CredentialLifeTests {
  static let container = "http://127.0.0.1:1/task"

  /// A container endpoint whose answers a test sets: a key id with its end, or silence.
  final class Endpoint: Sendable {
    let answer = Mutex<(key: String, end: String)?>(("AK1", "2027-01-15T09:00:00Z"))

    var transport: ScriptedTransport {
      ScriptedTransport { request, _ in
        guard let (key, end) = self.answer.withLock({ $0 }) else {
          return .failure(TransportFailure(kind: .connect, host: request.url.host, detail: ""))
        }
        let body = #"{"AccessKeyId": "\#(key)", "SecretAccessKey": "s", "Token": "t", "Expiration": "\#(end)"}"#
        return .success(HTTPResponse(status: 200, headers: HTTPFields([]), body: SecretBytes(body)))
      }
    }

    func set(_ key: String, _ end: String) { answer.withLock { $0 = (key, end) } }
    func silence() { answer.withLock { $0 = nil } }
  }

  private let endpoint = Endpoint()
  private let scene: CredentialScene
  private let session: Session<ResolvedCredentials>
  private let transport: ScriptedTransport

  init() throws {
    scene = try CredentialScene()
    scene.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = Self.container
    transport = endpoint.transport
    session = try scene.session(#", "auth": {"method": "container"}"#, over: transport)
  }

  private func key() async throws -> String { try await session.current().credential.credentials.accessKeyID }

  /// What is given out once the renewal is over that a caller may have started on the side.
  private func settledKey() async throws -> String {
    _ = try await key()
    await session.attempt?.value
    return try await key()
  }

  /// By the window of their life, and a jitter of a tenth of it.
  @Test(arguments: [
    ("2027-01-15T08:15:00Z", 900 - 330), ("2027-01-15T08:20:00Z", 1200 - 330), ("2027-01-15T09:00:00Z", 3600 - 990),
    ("2027-01-15T09:30:00Z", 5400 - 990), ("2027-01-15T09:31:00Z", 5460 - 3600 - 186),
    ("2027-01-15T14:00:00Z", 21_600 - 3960),
  ])
  func replacesThemBeforeTheyEndByTheLengthOfTheirLife(_ end: String, _ due: Int) async throws {
    endpoint.set("AK1", end)
    #expect(try await settledKey() == "AK1")
    endpoint.set("AK2", "2027-01-16T10:00:00Z")
    scene.time.advance(by: .seconds(due - 1))
    #expect(try await settledKey() == "AK1")
    scene.time.advance(by: .seconds(1))
    #expect(try await key() == "AK1", "nobody waits for the new ones")
    #expect(try await settledKey() == "AK2")
  }

  @Test func usesTheOldOnesWhileTheSourceIsAway() async throws {
    #expect(try await key() == "AK1")
    endpoint.silence()
    scene.time.advance(by: .seconds(3600 - 290))
    #expect(try await settledKey() == "AK1")
    let asked = transport.requests.count
    #expect(try await settledKey() == "AK1")
    scene.time.advance(by: .seconds(440))
    #expect(try await settledKey() == "AK1", "past their end")
    #expect(transport.requests.count == asked, "asked again without a pause")
    endpoint.set("AK2", "2027-01-15T13:00:00Z")
    scene.time.advance(by: .seconds(10))
    #expect(try await settledKey() == "AK2")
  }

  @Test func goesOnWithThemForTwoHoursPastTheirEnd() async throws {
    #expect(try await key() == "AK1")
    endpoint.silence()
    scene.time.advance(by: .seconds(3000))
    let before = transport.requests.count
    for _ in 0..<240 {
      #expect(try await settledKey() == "AK1")
      scene.time.advance(by: .seconds(30))
    }
    // Every seven and a half minutes; of three attempts at first, of one once the budget of retries is used up.
    #expect((16...48).contains(transport.requests.count - before), "\(transport.requests.count - before)")
  }

  @Test func aTokenFileThatBecameFaultyIsNotMasked() async throws {
    let (file, token) = (scene.path("token"), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    try scene.write("token", "t")
    scene.environment[token] = file
    let session = try scene.session(#", "auth": {"method": "container"}"#, over: transport)
    _ = try await session.current()
    try scene.write("token", "t\nu")
    scene.time.advance(by: .seconds(2700))
    _ = try? await session.current()
    await session.attempt?.value
    let failure = await #expect(throws: ProviderFailure.self) { try await session.current() }
    #expect(failure?.message.contains("holds no token that a header can carry") == true)
  }

  @Test func aSourceThatGivesNoneAtPresentIsLivedThrough() async throws {
    let refusing = Mutex(false)
    let transport = ScriptedTransport { _, _ in
      refusing.withLock { $0 }
        ? .success(HTTPResponse(status: 404, headers: HTTPFields([]), body: SecretBytes("{}")))
        : .success(
          HTTPResponse(
            status: 200, headers: HTTPFields([]),
            body: SecretBytes(
              #"{"AccessKeyId": "AK1", "SecretAccessKey": "s", "Token": "t", "Expiration": "2027-01-15T09:00:00Z"}"#)))
    }
    let session = try scene.session(#", "auth": {"method": "container"}"#, over: transport)
    _ = try await session.current()
    refusing.withLock { $0 = true }
    scene.time.advance(by: .seconds(4000))
    #expect(try await session.current().credential.credentials.accessKeyID == "AK1")
  }

  @Test func doesNotFallBackOnOnesThatAWSRefused() async throws {
    let login = try await session.current()
    endpoint.silence()
    await #expect(throws: ProviderFailure.self) { try await session.replacing(login) }
  }

  @Test func replacesRefusedOnesOnceHoweverManySawTheRefusal() async throws {
    let login = try await session.current()
    endpoint.set("AK2", "2027-01-15T09:00:00Z")
    #expect(try await session.replacing(login).credential.credentials.accessKeyID == "AK2")
    #expect(try await session.replacing(login).credential.credentials.accessKeyID == "AK2")
    #expect(transport.requests.count == 2)
  }

  @Test func usesShortLivedOnesForHalfOfTheirLife() async throws {
    endpoint.set("AK1", "2027-01-15T08:04:00Z")
    #expect(try await key() == "AK1")
    endpoint.set("AK2", "2027-01-15T09:00:00Z")
    scene.time.advance(by: .seconds(107))
    #expect(try await settledKey() == "AK1")
    scene.time.advance(by: .seconds(1))
    #expect(try await settledKey() == "AK2")
  }

  @Test(arguments: ["2027-01-15T08:00:00Z", "1970-01-01T00:00:00Z"])
  func leavesItToAWSWhetherTheyHaveEndedAndAsksAgainInMinutes(end: String) async throws {
    endpoint.set("AK1", end)
    #expect(try await key() == "AK1")
    endpoint.set("AK2", "2027-01-15T09:00:00Z")
    scene.time.advance(by: .seconds(449))
    #expect(try await settledKey() == "AK1")
    scene.time.advance(by: .seconds(1))
    #expect(try await settledKey() == "AK2")
  }

  @Test func asksOnceForManyCallers() async throws {
    let session = session
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<50 {
        group.addTask { _ = try? await session.current() }
      }
    }
    #expect(transport.requests.count == 1)
  }
}
