import Processes
import SecretBytes
import Testing

@testable import Delivery

@Suite struct SecretEnvironmentTests {
  @Test func secretsWinOverWhatIsSet() throws {
    var environment = ProcessEnvironment()
    environment.set([("KEPT", SecretBytes("base")), ("A", SecretBytes("old"))])
    try environment.add([
      DeliveredSecret(name: "A", value: SecretBytes("new")), DeliveredSecret(name: "BYTES", value: SecretBytes([0xff])),
      DeliveredSecret(name: "LONG", value: SecretBytes(repeatElement(0x78, count: 131_066))),
    ])
    #expect(environment["KEPT"] == SecretBytes("base"))
    #expect(environment["A"] == SecretBytes("new"))
    #expect(environment["BYTES"] == SecretBytes([0xff]))
    #expect(environment["LONG"]?.count == 131_066)
  }

  @Test func unfitSecretsAreRefusedByName() throws {
    var environment = ProcessEnvironment()
    let faults = try #require(throws: DeliveryFaults.self) {
      try environment.add([
        DeliveredSecret(name: "A-B", value: SecretBytes("x")), DeliveredSecret(name: "NUL", value: SecretBytes([0])),
        DeliveredSecret(name: "LONG", value: SecretBytes(repeatElement(0x78, count: 131_067))),
        DeliveredSecret(name: "TWICE", value: SecretBytes("x")),
        DeliveredSecret(name: "TWICE", value: SecretBytes("y")),
      ])
    }
    #expect(faults.faults.count == 4)
    #expect(environment["TWICE"] == nil)
  }
}
