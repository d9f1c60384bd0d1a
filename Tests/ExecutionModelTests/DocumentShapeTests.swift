import ExecutionModel
import SecretBytes
import Testing

private let entry = #""A": {"from": "v", "mount": "secret", "secret_path": "web", "field": "password"}"#

@Test func anExecutionAListOfOneAndABareSpecGiveTheSame() throws {
  let bare = spec(secrets: entry)
  let whole = #"{"id": "e1", "job_id": "j", "node_id": "n", "job_spec": \#(bare), "config": [[1]], "status": {}}"#
  for text in [bare, whole, #"{"items": [\#(whole)], "next_token": ""}"#] {
    let execution = try execution(text)
    #expect(execution.secrets.map(\.name) == ["A"])
    #expect(execution.asks(for: ["mount": "secret", "secret_path": "web"]))
    #expect(execution.providers.map(\.name) == ["v", "f"])
    #expect(execution.states.desired == .running)
  }
  #expect(try execution(whole).id == "e1")
  #expect(try execution(whole).nodeID == "n")
}

@Test func yamlGivesTheSameAsJSON() throws {
  let yaml = """
    name: web
    secret_providers:
      v:
        provider: hashicorp_vault
        address: https://vault:8200
        auth: {method: static, token_env: T}
    secrets:
      A: {from: v, mount: secret, secret_path: web, field: password, refresh: 30m}
    """
  let execution = try execution(yaml)
  #expect(execution.secrets.first?.refresh?.seconds == 1800)
  #expect(execution.name == "web")
}

@Test func severalExecutionsAndNoneChosenListsTheIDs() throws {
  let one = #"{"id": "one", "job_spec": {}}"#
  let document = try ExecutionDocument(SecretBytes(#"{"items": [\#(one), {"id": "two", "job_spec": {}}]}"#))
  let fault = #expect(throws: DocumentFaults.self) { try document.item(nil) }
  #expect(fault?.faults.first?.message.contains("one, two") == true)
  #expect(try document.item("two").id == "two")
  let unknown = #expect(throws: DocumentFaults.self) { try document.item("three") }
  #expect(unknown?.faults.first?.message.contains("one, two") == true)
}

@Test func aListMayBeNullOrCarryAToken() throws {
  #expect(try ExecutionDocument(SecretBytes(#"{"items": null}"#)).items.isEmpty)
  let page = try ExecutionDocument(SecretBytes(#"{"items": [], "next_token": "t"}"#))
  #expect(page.nextToken == "t")
  #expect(faults(#"{"items": null}"#) == [": the list is empty: there is no execution in it"])
}

@Test(arguments: ["[]", "3", "null", "\"x\"", "{}", #"{"items": 3}"#, #"{"items": [3]}"#, #"{"job_spec": []}"#, ""])
func aShapeThatIsNoneOfTheThreeIsOneFault(_ text: String) {
  #expect(faults(text).count == 1)
}

@Test func whatIsNotJSONOrYAMLSaysWhere() {
  #expect(faults("{\"secrets\": {\n  \"A\": }").first?.contains("line 2") == true)
  #expect(faults("a: [1\nb: 2").first?.contains("line") == true)
  let deep = String(repeating: "[", count: 100_000)
  #expect(faults(#"{"secrets": \#(deep)"#).count == 1)
}

@Test func theDesiredStateKnowsOlderWords() throws {
  func state(_ word: String) throws -> ExecutionStates.Desired {
    try execution(#"{"id": "e", "job_spec": {}, "status": {"desired_state": {"state_type": "\#(word)"}}}"#).states
      .desired
  }
  #expect(try state("pending") == .pending)
  #expect(try state("run") == .running)
  #expect(try state("complete") == .stopped)
  #expect(try state("stopped") == .stopped)
  #expect(faults(#"{"id": "e", "job_spec": {}, "status": {"desired_state": {"state_type": "dance"}}}"#).count == 1)
}

@Test func theRestOfAnExecutionIsReadPastWhateverItsShape() throws {
  let execution = try execution(
    #"{"id": "e", "config": {"a": [1, {"b": null}]}, "selector": "x", "status": 7, "job_spec": {"secrets": null}}"#)
  #expect(execution.secrets.isEmpty)
}

@Test func tenThousandSecretsAreAcceptedAndOneMoreIsNot() {
  func many(_ count: Int) -> String {
    spec(secrets: (0..<count).map { #""S\#($0)": {"from": "f", "path": "/x"}"# }.joined(separator: ","))
  }
  #expect(faults(many(10_000)).isEmpty)
  #expect(faults(many(10_001)) == ["secrets: 10001 secrets; at most 10000 in one execution"])
}
