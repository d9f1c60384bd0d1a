import ExecutionModel
import SecretBytes
import Testing

@testable import AgentDaemon

/// `credentials` and `values` of agent.yaml.
@Suite struct ValueSettingsTests {
  private func parse(_ text: String) throws -> AgentConfiguration { try ConfigurationFile.parse(SecretBytes(text)) }

  private func faults(_ text: String) -> [String] {
    do throws(DocumentFaults) {
      _ = try ConfigurationFile.parse(SecretBytes(text))
      return []
    } catch {
      return error.faults.map(\.line)
    }
  }

  @Test func nobodyIsGivenValuesUnlessItIsSaid() throws {
    let configuration = try parse("{}")
    #expect(configuration.credentials == nil && configuration.values == nil && !configuration.givesValues)
    let whole = try parse("credentials: {}\nvalues: {}")
    #expect(whole.credentials == AgentConfiguration.Credentials() && whole.credentials?.wait == .seconds(30))
    #expect(whole.values == AgentConfiguration.Values() && whole.values?.mode == 0o600)
    #expect(whole.values?.allowedUsers.isEmpty == true && whole.givesValues)
  }

  @Test func unitsAreNamedWithTheirEnding() throws {
    let units = try parse("credentials: {units: {web@1.service: e-1, 'a\\x2db.timer': e-2}, wait: 0s}").credentials
    #expect(units?.units == ["web@1.service": "e-1", "a\\x2db.timer": "e-2"] && units?.wait == .zero)
    #expect(try parse("credentials: {units: {}}").credentials?.units == [:])
  }

  @Test(arguments: ["web", ".service", "web.", "a b.service", "web/x.service", "web.Service", "w\u{e9}b.service"])
  func whatIsNoUnitsNameIsAFault(_ name: String) {
    let faults = faults("credentials: {units: {'\(name)': e-1}}")
    #expect(faults.count == 1 && faults[0].contains("expected a unit's name with its ending"), "\(faults)")
  }

  @Test func whatServesAUnitIsAnId() {
    #expect(faults("credentials: {units: {web.service: ''}}").count == 1)
    #expect(faults("credentials: {units: {web.service: [e-1]}}").count == 1)
    #expect(faults("credentials: {units: [web.service]}").count == 1)
    #expect(faults("credentials: {wait: -1s}").count == 1)
    #expect(faults("values: {mode: '0666'}").count == 1)
    #expect(faults("values: {allowed_groups: [x]}").count == 1)
  }

  @Test func eachSocketHasAPathOfItsOwn() {
    let apart = "api: {socket: /run/a.sock}\ncredentials: {socket: /run/b.sock}\nvalues: {socket: /run/c.sock}"
    #expect(faults(apart) == [])
    for (text, words) in [
      ("api: {socket: /run/x.sock}\nvalues: {socket: /run//x.sock}", "values: its socket /run//x.sock is api.socket"),
      ("credentials: {socket: /run/secrets-agent/api.sock}", "credentials: its socket /run/secrets-agent/api.sock is"),
      ("credentials: {socket: /run/secrets-agent/values.sock}\nvalues: {}", "is credentials.socket too"),
    ] {
      let faults = faults(text)
      #expect(faults.count == 1 && faults[0].contains(words), "\(faults)")
    }
  }

  @Test(arguments: ["api", "credentials", "values"]) func aPathThatNoSocketCanHaveIsAFault(_ name: String) {
    let path = "/" + String(repeating: "x", count: 106)
    #expect(faults("\(name): {socket: \(path)}") == [])
    let faults = faults("\(name): {socket: \(path)x}")
    #expect(faults.count == 1 && faults[0].contains("\(name).socket: this cannot be a socket's path"), "\(faults)")
  }
}
