import EventLoop
import ExecutionModel
import ProviderKit
import Resolution
import SecretBytes
import Testing
import VaultProvider

private let vault =
  #"{"provider": "hashicorp_vault", "address": "https://vault:8200", "auth": {"method": "static", "token_env": "T"}}"#

private func values(
  _ secrets: String, _ payload: String, before: FetchedSecret.Previous?
) throws -> [String: String] {
  let plan = try plan(#"{"secret_providers": {"v": \#(vault)}, "secrets": {\#(secrets)}}"#)
  let generation = try GenerationAssembly.assemble(plan, atMost: 1000) { _ in
    .success(
      FetchedSecret(payload: SecretBytes(payload), version: "3", fetchedAt: Moment(nanoseconds: 0), previous: before))
  }
  return Dictionary(uniqueKeysWithValues: generation.secrets.map { ($0.name, $0.value.unsafeString() ?? "") })
}

private func entry(_ more: String) -> String {
  #"{"from": "v", "mount": "m", "secret_path": "p", "field": "f", "previous": true\#(more)}"#
}

@Test func fieldAndEncodingAreThoseOfTheEntry() throws {
  let before = FetchedSecret.Previous.value(SecretBytes(#"{"f": "old"}"#), version: "2")
  #expect(
    try values(#""A": \#(entry("")), "B": \#(entry(#", "encoding": "base64""#))"#, #"{"f": "new"}"#, before: before)
      == ["A": "new", "A_PREVIOUS": "old", "B": "bmV3", "B_PREVIOUS": "b2xk"])
}

@Test func whatTheVersionBeforeHadNotIsAbsent() throws {
  let present = #"{"f": "new"}"#
  for before: FetchedSecret.Previous? in [
    nil, .absent("version 1 is the first"), .value(SecretBytes(#"{"g": "old"}"#), version: "2"),
    .value(SecretBytes("no JSON"), version: "2"),
  ] {
    #expect(try values(#""A": \#(entry(""))"#, present, before: before) == ["A": "new"])
  }
}

@Test func theVersionBeforeCountsAgainstTheExecutionsBound() {
  let before = FetchedSecret.Previous.value(
    SecretBytes(#"{"f": "\#(String(repeating: "x", count: 998))"}"#), version: "2")
  #expect(throws: GenerationFailure.self) {
    try values(#""A": \#(entry(""))"#, #"{"f": "new"}"#, before: before)
  }
}
