import AWSProvider
import AzureProvider
import EventLoop
import ExecutionModel
import GCPProvider
import HTTPTransport
import NodePolicy
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

/// A JWT-SVID as the login of each cloud that takes another issuer's token, from a Workload API in PyPI's `spiffe` and grpcio; Vault's
/// is held against OpenBao (SPIFFELoginTests). The clock is the machine's, since the tokens have an end by it.
@Suite(.enabled(if: Python.path != nil, "\(Python.absence)")) struct WorkloadAPILoginTests {
  @Test(arguments: FederatedCloud.allCases)
  func theTokenForTheNamedAudienceLogsIn(_ cloud: FederatedCloud) async throws {
    try await FederatedScene.run(cloud) { (scene: FederatedScene) async throws in
      #expect(try await scene.read() == "p@ss")
      #expect(try await scene.read() == "p@ss")
      #expect(scene.server.asked == [cloud.audience])
      #expect(scene.logins == 1)
    }
  }

  /// It may have ended by the next login, and SPIRE rotates its keys.
  @Test(arguments: FederatedCloud.allCases)
  func eachLoginAsksForATokenOfItsOwn(_ cloud: FederatedCloud) async throws {
    try await FederatedScene.run(cloud) { (scene: FederatedScene) async throws in
      #expect(try await scene.read() == "p@ss")
      scene.endLogins()
      #expect(try await scene.read() == "p@ss")
      #expect(scene.server.asked == [cloud.audience, cloud.audience])
      #expect(scene.logins == 2)
    }
  }

  @Test(arguments: FederatedCloud.allCases)
  func aLoginThatIsHeldGoesOnWhileTheWorkloadAPIIsAway(_ cloud: FederatedCloud) async throws {
    try await FederatedScene.run(cloud) { (scene: FederatedScene) async throws in
      #expect(try await scene.read() == "p@ss")
      try scene.server.turn(to: .isDown)
      #expect(try await scene.read() == "p@ss")
      scene.endLogins()
      let failure = try await scene.failure()
      #expect(failure.kind == .transient, "\(failure.line)")
      #expect(failure.line.contains("the SPIFFE Workload API: failed with gRPC status 14: agent is starting"))
      #expect(!failure.forfeits)
    }
  }

  @Test(arguments: FederatedCloud.allCases)
  func anEndedTokenIsTheStoresToRefuse(_ cloud: FederatedCloud) async throws {
    try await FederatedScene.run(cloud, manner: .issuesEnded) { (scene: FederatedScene) async throws in
      let failure = try await scene.failure()
      #expect(failure.kind == .denied, "\(failure.line)")
      #expect(failure.line.contains(cloud.refusals.ended), "\(failure.line)")
    }
  }

  @Test(arguments: FederatedCloud.allCases)
  func anAudienceThatTheStoreDoesNotTakeIsRefused(_ cloud: FederatedCloud) async throws {
    try await FederatedScene.run(cloud, audience: "openbao") { (scene: FederatedScene) async throws in
      let failure = try await scene.failure()
      #expect(failure.kind == .denied, "\(failure.line)")
      #expect(failure.line.contains(cloud.refusals.otherAudience), "\(failure.line)")
      #expect(Set(scene.server.asked) == ["openbao"])
    }
  }

  @Test(arguments: FederatedCloud.allCases)
  func thePolicySaysForWhichAudiencesAndWhere(_ cloud: FederatedCloud) async throws {
    var policy = NodePolicy.personal
    policy.spiffeAudiences = .matching(["openbao"])
    try await FederatedScene.run(cloud, policy: policy) { (scene: FederatedScene) async throws in
      let failure = try await scene.failure()
      #expect(failure.kind == .policy)
      #expect(
        failure.line.contains("spiffe_audiences") && failure.line.contains(cloud.audience.prefix(60)), "\(failure.line)"
      )
      #expect(scene.server.asked.isEmpty && scene.logins == 0)
    }
    // The policy's socket goes before the variable.
    policy.spiffeAudiences = .matching([cloud.audience])
    try await FederatedScene.run(
      cloud, policy: policy, isNamedByPolicy: true, environment: ["SPIFFE_ENDPOINT_SOCKET": "unix:///nonexistent/sock"]
    ) { (scene: FederatedScene) async throws in
      #expect(try await scene.read() == "p@ss")
    }
  }

  @Test(arguments: FederatedCloud.allCases)
  func withoutAWorkloadAPIThereIsNoLogin(_ cloud: FederatedCloud) async throws {
    try await FederatedScene.run(cloud, environment: ["SPIFFE_ENDPOINT_SOCKET": "unix:///nonexistent/sock"]) {
      (scene: FederatedScene) async throws in
      let failure = try await scene.failure()
      #expect(failure.kind == .transient)
      #expect(failure.line.contains("the SPIFFE Workload API"), "\(failure.line)")
      #expect(scene.logins == 0)
    }
    try await FederatedScene.run(cloud, environment: ["SPIFFE_ENDPOINT_SOCKET": ""]) {
      (scene: FederatedScene) async throws in
      let failure = try await scene.failure()
      #expect(failure.kind == .denied)
      #expect(failure.line.contains("neither the policy's spiffe_socket nor SPIFFE_ENDPOINT_SOCKET"), "\(failure.line)")
    }
  }

  @Test(arguments: [
    (WorkloadAPIServer.Manner.refuses, ProviderFailure.Class.denied, "no identity issued"),
    (.issuesNothing, .malformed, "has no JWT-SVID"), (.issuesNonsense, .malformed, "the answer is"),
    (.issuesNoJWT, .malformed, "JWT"),
  ])
  func whatIsNoTokenIsNotSentToTheStore(
    _ manner: WorkloadAPIServer.Manner, _ kind: ProviderFailure.Class, _ words: String
  ) async throws {
    for cloud in FederatedCloud.allCases {
      try await FederatedScene.run(cloud, manner: manner) { (scene: FederatedScene) async throws in
        let failure = try await scene.failure()
        #expect(failure.kind == kind, "\(failure.line)")
        #expect(failure.line.contains(words), "\(failure.line)")
        #expect(scene.logins == 0)
      }
    }
  }
}
