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

  @Test func replacesThemFiveMinutesBeforeTheyEnd() async throws {
    #expect(try await key() == "AK1")
    endpoint.set("AK2", "2027-01-15T10:00:00Z")
    scene.time.advance(by: .seconds(3600 - 301))
    #expect(try await key() == "AK1")
    scene.time.advance(by: .seconds(1))
    #expect(try await key() == "AK2")
  }

  @Test func usesTheOldOnesWhileTheSourceIsAway() async throws {
    #expect(try await key() == "AK1")
    endpoint.silence()
    scene.time.advance(by: .seconds(3600 - 290))
    #expect(try await key() == "AK1")
    let asked = transport.requests.count
    #expect(try await key() == "AK1")
    #expect(transport.requests.count == asked, "asked again without a pause")
    endpoint.set("AK2", "2027-01-15T10:00:00Z")
    scene.time.advance(by: .seconds(60))
    #expect(try await key() == "AK2")
  }

  @Test func doesNotUseThemBeyondTheirEnd() async throws {
    #expect(try await key() == "AK1")
    endpoint.silence()
    scene.time.advance(by: .seconds(3601))
    await #expect(throws: ProviderFailure.self) { try await key() }
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
    scene.time.advance(by: .seconds(119))
    #expect(try await key() == "AK1")
    scene.time.advance(by: .seconds(2))
    #expect(try await key() == "AK2")
  }

  @Test(arguments: ["2027-01-15T08:00:00Z", "1970-01-01T00:00:00Z"])
  func leavesItToAWSWhetherTheyHaveEndedAndAsksAgainInAMinute(end: String) async throws {
    endpoint.set("AK1", end)
    #expect(try await key() == "AK1")
    endpoint.set("AK2", "2027-01-15T09:00:00Z")
    scene.time.advance(by: .seconds(59))
    #expect(try await key() == "AK1")
    scene.time.advance(by: .seconds(1))
    #expect(try await key() == "AK2")
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
