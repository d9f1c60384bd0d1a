import ExecutionModel
import NodePolicy
import Resolution
import SecretBytes
import TestSupport
import Testing

@testable import AgentDaemon
@testable import ProviderKit

/// What pods are given, by whose service account they are.
@Suite(.timeLimit(.minutes(15))) struct PodVolumesTests {
  private typealias Scene = PodVolumesScene

  @Test func oneIdentityFetchesOnceAndAnotherForItself() async {
    let scene = await Scene("pods-identities")
    for _ in 0..<3 {
      #expect(await scene.answer(scene.request()).values == ["A": "1"])
    }
    #expect(scene.store.fetches == [["A"]])
    #expect(await scene.answer(scene.request(Scene.api)).values == ["A": "1"])
    #expect(scene.store.fetches == [["A"], ["A"]])
    #expect(await scene.volumes.counts == PodVolumes.Counts(volumes: 2, mounts: 4))
  }

  @Test func aTokenOfAnotherIsRefusedBeforeAnythingIsAsked() async {
    let scene = await Scene("pods-tokens")
    let elsewhere = WorkloadIdentity(namespace: "bank", serviceAccount: "web")
    for other in [Scene.api, elsewhere] {
      let answer = await scene.answer(scene.request(tokenOf: other))
      #expect(answer.problem == .invalid)
      #expect(answer.lines == "the token for vault is not one of the service account shop/web")
    }
    for token in ["", "a.b", "a.b.c", "a.e30.c", "a.bnVsbA.c", "hvs.CAES.x.y"] {
      let request = VolumeRequest(
        identity: Scene.web, pod: "pod", document: scene.document(), tokens: ["vault": SecretBytes(token)])
      #expect(await scene.answer(request).problem == .invalid, "\(token)")
    }
    #expect(scene.store.fetches.isEmpty && scene.tokens.tokens(of: Scene.web).audiences.isEmpty)
  }

  @Test func aRefusedClassLeavesNothingBehind() async {
    let scene = await Scene("pods-refused")
    let answer = await scene.answer(scene.request(Scene.web, SecretBytes("secret_providers: {}\nsecrets: {}")))
    #expect(answer.problem == .invalid)
    #expect(answer.lines.contains("secrets: none"))
    #expect(scene.tokens.tokens(of: Scene.web).audiences.isEmpty)
    #expect(await scene.volumes.counts == PodVolumes.Counts(mounts: 1, failedMounts: 1))
  }

  @Test func aClassIsBounded() async {
    let scene = await Scene("pods-size")
    let most = VolumeAdmission.mostDocumentBytes
    func padded(to count: Int) -> SecretBytes {
      let text = scene.document().unsafeString() ?? ""
      return SecretBytes(text + "#" + String(repeating: "x", count: count - text.utf8.count - 1))
    }
    #expect(await scene.answer(scene.request(Scene.web, padded(to: most))).values == ["A": "1"])
    let large = await scene.answer(scene.request(Scene.web, padded(to: most + 1)))
    #expect(large.problem == .invalid)
    #expect(large.lines.contains("over 256 KiB"))
  }

  @Test func whatNobodyAsksForIsForgottenWithItsTokens() async {
    let scene = await Scene("pods-idle")
    _ = await scene.answer(scene.request())
    #expect(scene.tokens.tokens(of: Scene.web).audiences == ["vault"])
    await scene.pass(.seconds(3000))
    await scene.volumes.audit()
    #expect(await scene.volumes.counts.volumes == 1)
    await scene.pass(.seconds(700))
    await scene.volumes.audit()
    #expect(await scene.volumes.counts.volumes == 0)
    #expect(scene.tokens.tokens(of: Scene.web).audiences.isEmpty)
    #expect(scene.store.closed == [.ended])
  }

  @Test func whatNeverHeldAnythingIsForgottenEarlier() async {
    let scene = await Scene("pods-idle-empty")
    scene.store.fail("A", .denied)
    #expect(await scene.answer(scene.request()).problem == .denied)
    await scene.pass(.seconds(500))
    await scene.volumes.audit()
    #expect(await scene.volumes.counts.volumes == 1)
    await scene.pass(.seconds(200))
    await scene.volumes.audit()
    #expect(await scene.volumes.counts.volumes == 0)
  }

  @Test func oneNamespaceCannotTakeTheRoomOfAll() async {
    let scene = await Scene("pods-room")
    for number in 0..<PodVolumes.mostOfNamespace {
      #expect(await scene.answer(scene.request(Scene.web, scene.document(refresh: 60 + number))).values != nil)
    }
    let another = scene.document(refresh: 1)
    let full = await scene.answer(scene.request(Scene.api, another))
    #expect(full.problem == .full)
    #expect(full.lines.contains("namespace shop has 250 different volumes on this node"))
    // What is mounted already goes on, and others have room.
    #expect(await scene.answer(scene.request(Scene.web, scene.document(refresh: 60))).values == ["A": "1"])
    let elsewhere = WorkloadIdentity(namespace: "bank", serviceAccount: "web")
    #expect(await scene.answer(scene.request(elsewhere, another)).values == ["A": "1"])
  }

  @Test func aReloadCountsForWhatIsMounted() async {
    let scene = await Scene("pods-reload")
    #expect(await scene.answer(scene.request()).values == ["A": "1"])
    await scene.reload(.personal)
    #expect(await scene.answer(scene.request()).values == ["A": "1"])
    #expect(scene.store.fetches.count == 1)
    var narrow = NodePolicy.personal
    narrow.providerTypes = .matching(["file"])
    await scene.reload(narrow)
    let answer = await scene.answer(scene.request())
    #expect(answer.problem == .forbidden)
    #expect(answer.lines.contains("scripted"), "\(answer.lines)")
    #expect(await scene.volumes.counts.volumes == 0)
    await scene.reload(.personal)
    #expect(await scene.answer(scene.request()).values == ["A": "1"])
  }

  @Test func olderValuesAreGivenWhileTheStoreIsAwayAndNotWhereItRefuses() async {
    let scene = await Scene("pods-away")
    let first = await scene.answer(scene.request())
    scene.store.fail("A", .throttled)
    await scene.pass(.seconds(300))
    let held = await scene.answer(scene.request())
    #expect(held.values == ["A": "1"] && held.generation == first.generation)
    #expect(await scene.volumes.counts.staleMounts == 1)
    scene.store.put("A", "2")
    await scene.pass(.seconds(600))
    let newer = await scene.answer(scene.request())
    #expect(newer.values == ["A": "2"])
    #expect(newer.generation == first.generation.map { $0 + 1 })
    scene.store.fail("A", .missing)
    await scene.pass(.seconds(300))
    let gone = await scene.answer(scene.request())
    #expect(gone.problem == .missing)
    #expect(gone.lines.hasPrefix("secrets.A: "), "\(gone.lines)")
  }

  @Test(arguments: [
    ([ProviderFailure.Class.transient], VolumeProblem.unavailable), ([.throttled], .unavailable),
    ([.malformed], .unavailable), ([.missing], .missing), ([.denied], .denied), ([.policy], .forbidden),
    ([.transient, .missing], .missing), ([.missing, .denied], .denied), ([.denied, .policy, .transient], .forbidden),
  ])
  func whatNeedsAPersonCountsBeforeWhatMayPass(_ kinds: [ProviderFailure.Class], _ problem: VolumeProblem) async {
    let scene = await Scene("pods-failures-\(kinds.map(\.rawValue).joined(separator: "-"))")
    let keys = kinds.indices.map { "K\($0)" }
    for (key, kind) in zip(keys, kinds) {
      scene.store.fail(key, kind)
    }
    let answer = await scene.answer(scene.request(Scene.web, scene.document(keys)))
    #expect(answer.problem == problem)
    for key in keys {
      #expect(answer.lines.contains("secrets.\(key): "), "\(answer.lines)")
    }
  }

  /// Each has a status of its own, which nothing else of the socket answers with.
  @Test func problemsAreToldApart() {
    for problem in VolumeProblem.allCases {
      #expect(![200, 400, 403, 404, 405].contains(problem.rawValue))
    }
    #expect(Set(VolumeProblem.allCases.map(\.rawValue)).count == VolumeProblem.allCases.count)
  }
}
