import ExecutionModel
import FileProvider
import Resolution
import SecretBytes
import Testing
import VaultProvider

let registry = ProviderRegistry([VaultProvider.self, FileProvider.self])

func plan(_ document: String) throws -> ExecutionPlan {
  ExecutionPlan(try registry.catalog.validate(ExecutionDocument(SecretBytes(document)).item(nil)).execution)
}

private let vault =
  #"{"provider": "hashicorp_vault", "address": "https://vault:8200", "auth": {"method": "static", "token_env": "T"}}"#

@Test func entriesThatDifferInFieldEncodingOrRefreshShareOneFetch() throws {
  let plan = try plan(
    #"""
    {"secret_providers": {"v": \#(vault)}, "secrets": {
      "A": {"from": "v", "mount": "s", "secret_path": "p", "field": "a"},
      "B": {"from": "v", "mount": "s", "secret_path": "p", "field": "b", "encoding": "base64"},
      "C": {"from": "v", "mount": "s", "secret_path": "p", "field": "b", "refresh": "5m", "engine_version": 2},
      "D": {"from": "v", "mount": "s", "secret_path": "p", "field": "b", "version": 1}}}
    """#)
  #expect(plan.groups.count == 1)
  #expect(plan.groups.first?.references.count == 2)
  #expect(plan.items.map(\.reference) == [0, 0, 0, 1])
}

@Test func connectionsThatDifferInNameOnlyAreOne() throws {
  let other = vault.replacingFirst("\"T\"", with: "\"U\"")
  let plan = try plan(
    #"""
    {"secret_providers": {"a": \#(vault), "b": \#(vault), "c": \#(other)}, "secrets": {
      "A": {"from": "a", "mount": "s", "secret_path": "p", "field": "a"},
      "B": {"from": "b", "mount": "s", "secret_path": "p", "field": "a"},
      "C": {"from": "c", "mount": "s", "secret_path": "p", "field": "a"}}}
    """#)
  #expect(plan.groups.count == 2)
  #expect(plan.groups.map(\.references.count) == [1, 1])
}

@Test func pinnedAndWatchedValuesAreNotFetchedByTime() throws {
  let plan = try plan(
    #"""
    {"secret_providers": {"v": \#(vault), "f": {"provider": "file"}}, "secrets": {
      "A": {"from": "v", "mount": "s", "secret_path": "p", "field": "a"},
      "B": {"from": "v", "mount": "s", "secret_path": "p", "field": "a", "refresh": "5m"},
      "C": {"from": "v", "mount": "s", "secret_path": "p", "field": "a", "version": "3", "refresh": "5m"},
      "D": {"from": "f", "path": "/x"}}}
    """#)
  #expect(plan.items.map { plan.refreshInterval($0)?.seconds } == [3600, 300, nil, nil])
}

extension String {
  func replacingFirst(_ part: String, with other: String) -> String {
    guard let range = firstRange(of: part) else { return self }
    return self[..<range.lowerBound] + other + self[range.upperBound...]
  }
}
