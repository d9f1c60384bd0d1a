import NodePolicy
import ProviderKit
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(15))) struct PolicyTests {
  /// Whether `type` is refused by `policy` before anything is sent: for its addresses, else for each lookup.
  private static func check(_ type: ProviderUnderTest, _ policy: NodePolicy) throws {
    try Scene.run(type, policy: policy) { scene in
      let connected = try scene.connect()
      do throws(ProviderFailure) {
        try connected.provider.checkAddresses()
        let failures = await connected.fetch(0..<3).map(\.failure)
        #expect(
          failures.map { $0?.kind } == [.policy, .policy, .policy], "\(failures.map { $0?.line ?? "a value" })")
      } catch {
        #expect(error.kind == .policy, "\(error.line)")
      }
      #expect(scene.wire.requests.map(\.line) == [])
    }
  }

  @Test(arguments: ProviderUnderTest.remote)
  func anAddressThatThePolicyForbidsSeesNoPacket(_ type: ProviderUnderTest) throws {
    var policy = NodePolicy.personal
    policy.addresses = [AddressPattern(host: "allowed.example.com")]
    try Self.check(type, policy)
  }

  @Test(arguments: ProviderUnderTest.all)
  func aCredentialThatThePolicyForbidsIsNotReadAndNothingIsSent(_ type: ProviderUnderTest) throws {
    var policy = NodePolicy.personal
    policy.credentialFiles = .beneath([])
    policy.fileRoots = .beneath([])
    policy.environment = .matching([])
    try Self.check(type, policy)
  }

  @Test(arguments: ProviderUnderTest.withMachineLogin)
  func theMachinesOwnServicesAreAskedWithoutAProxy(_ type: ProviderUnderTest) throws {
    for auth in type.machineLogins {
      try Scene.run(type) { scene in
        await (try scene.connect(auth: auth)).read(0..<3, "\(auth.text)")
        let machine = scene.wire.sent.filter { type.store.asksMachine($0.request) }
        let store = scene.wire.sent.filter { !type.store.asksMachine($0.request) }
        #expect(!machine.isEmpty && !store.isEmpty, "\(auth.text)")
        #expect(machine.allSatisfy { $0.options.bypassesProxy }, "\(auth.text)")
        #expect(store.allSatisfy { !$0.options.bypassesProxy }, "\(auth.text)")
      }
    }
  }

  @Test(arguments: ProviderUnderTest.remote)
  func storesAreAskedByTheProxyOfTheNode(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      await (try scene.connect()).read(0..<3)
      let store = scene.wire.sent.filter { !type.store.asksMachine($0.request) }
      #expect(!store.isEmpty && store.allSatisfy { !$0.options.bypassesProxy })
    }
  }
}
