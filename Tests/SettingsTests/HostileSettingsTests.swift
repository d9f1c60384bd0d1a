import ExecutionModel
import Foundation
import SecretBytes
import TestSupport
import Testing

/// A valid file that says everything, and what becomes of it when one value is another.
private struct Mutant: Sendable {
  let path: String
  /// Whether a text was put in: of texts the schema knows less than the reader.
  let isText: Bool
  let text: String
}

private struct Place {
  let keys: [String]

  /// As faults write it: `sources.orchestrators[0].urls`.
  var path: String {
    keys.reduce("") { path, key in Int(key).map { "\(path)[\($0)]" } ?? (path.isEmpty ? key : "\(path).\(key)") }
  }
}

private func places(of value: Any, _ keys: [String] = []) -> [Place] {
  let here = keys.isEmpty ? [] : [Place(keys: keys)]
  if let object = value as? [String: Any] {
    return here + object.sorted { $0.key < $1.key }.flatMap { places(of: $0.value, keys + [$0.key]) }
  }
  if let list = value as? [Any] {
    return here + list.enumerated().flatMap { places(of: $0.element, keys + ["\($0.offset)"]) }
  }
  return here
}

private func replacing(_ keys: ArraySlice<String>, of value: Any, by new: Any) -> Any {
  guard let key = keys.first else {
    return new
  }
  if var object = value as? [String: Any] {
    object[key] = replacing(keys.dropFirst(), of: object[key] ?? NSNull(), by: new)
    return object
  }
  if var list = value as? [Any], let index = Int(key), list.indices.contains(index) {
    list[index] = replacing(keys.dropFirst(), of: list[index], by: new)
    return list
  }
  return value
}

private func json(_ value: Any) throws -> String {
  String(decoding: try JSONSerialization.data(withJSONObject: value, options: .fragmentsAllowed), as: UTF8.self)
}

extension CommittedFile {
  fileprivate var everything: String {
    switch self {
    case .agent:
      """
      {"node_id": "n", "state_folder": "/s", "policy": "/p", "notice_delay": "0",
       "sources": {"folder": {"path": "/d", "quiet": "1s"}, "orchestrators": [
         {"urls": ["o.example", "https://o.example/x"], "namespace": "n", "job_id": "j", "api_key_file": "/k",
          "token_url": "https://o.example/t", "ca_file": "/c", "client_certificate_file": "/c", "client_key_file": "/k",
          "poll_interval": "+1.5m"}, {"urls": ["b"], "token_file": "/t"}]},
       "outputs": {"root": "/o", "folder": "{id}-x", "environment_file": "json", "files": true, "mode": "0640",
         "folder_mode": "751", "owner": "0", "group": "0"},
       "notices": [{"signal": "HUP", "pid": 7}, {"signal": "15", "pid_file": "/p"},
         {"command": ["/bin/true", "a\\nb"], "time_limit": "3s"}, {"unit": "u"}],
       "api": {"socket": "/a", "mode": "00600", "group": "0", "allowed_users": ["0"], "allowed_groups": ["0"],
         "operator_users": ["0"], "operator_groups": ["0"], "put_overrides": true,
         "metrics_address": "127.0.0.1:1"},
       "limits": {"connect": "100ms", "attempt": ".5s", "in_flight": 5},
       "stop": {"remove_outputs": true, "revoke_leases": false}}
      """
    case .policy:
      """
      {"provider_types": ["file"], "credential_files": ["/c/"], "environment": ["A_*"], "file_roots": ["/"],
       "output_roots": ["/..a/.../b"], "dangerous_names": [], "skip_verify": true, "standby_redirects": false,
       "max_stale": "24h", "min_refresh": "1s500ms",
       "addresses": ["v.example", {"host": "*.v.example", "ports": [1, 65535], "tls": "optional"}]}
      """
    }
  }

  fileprivate func mutants() throws -> [Mutant] {
    let root = try JSONSerialization.jsonObject(with: Data(everything.utf8))
    let deep = (0..<40).reduce(into: [] as Any) { inner, _ in inner = [inner] as Any }
    let others: [Any] = [
      NSNull(), 5, -1, 1.5, 1e40, true, false, [] as [Any], [:] as [String: Any], [NSNull()] as [Any], [5] as [Any],
      [[:] as [String: Any]] as [Any], ["unknown": 1] as [String: Any], deep,
    ]
    let texts = [
      "", "x", "/", "/a/..", "/..", "/a/../b", "/a/..b", "\u{0}", "a\u{7f}", "5", "0600", "0777", "+600", "00000", "1h",
      "0", "-1s", "1 s", "1.s", "9999999h", "{id}", "{", "none", "required", "o.example:9010", "HUP", "é", "\n",
      "1s\n", "/a\n", "0600\n", String(repeating: "x", count: 5000),
    ]
    return try places(of: root).flatMap { place in
      try others.map { other in
        Mutant(
          path: place.path, isText: false, text: try json(replacing(place.keys[...], of: root, by: other)))
      }
        + texts.map { text in
          Mutant(path: place.path, isText: true, text: try json(replacing(place.keys[...], of: root, by: text)))
        }
    }
  }
}

@Suite struct HostileSettingsTests {
  @Test(arguments: CommittedFile.allCases) func whatSaysEverythingIsAccepted(_ file: CommittedFile) {
    #expect(file.faults(file.everything) == [])
  }

  @Test(arguments: CommittedFile.allCases) func everyWrongValueIsToldAtItsPlace(_ file: CommittedFile) throws {
    for mutant in try file.mutants() {
      for fault in file.faults(mutant.text) {
        let isNear =
          fault.path.hasPrefix(mutant.path) || mutant.path.hasPrefix(fault.path) && !fault.path.isEmpty
          // What settings ask of each other is told at one of them.
          || parent(fault.path) == parent(mutant.path)
        #expect(isNear && fault.position != nil, "\(fault.line) for \(mutant.path)")
      }
    }
  }

  private func parent(_ path: String) -> Substring { path[..<(path.lastIndex(of: ".") ?? path.startIndex)] }

  @Test(arguments: CommittedFile.allCases) func nullEverywhereIsNothingInAConfigurationAndAFaultInAPolicy(
    _ file: CommittedFile
  ) throws {
    let nothing = Dictionary(uniqueKeysWithValues: file.block.members.map { ($0.key, NSNull()) })
    let faults = file.faults(try json(nothing))
    switch file {
    case .agent: #expect(faults == [])
    // A rule whose value somebody forgot must not leave a door open.
    case .policy: #expect(faults.count == file.block.members.count)
    }
  }

  @Test(arguments: CommittedFile.allCases) func garbageIsAFault(_ file: CommittedFile) {
    for text in [
      "[", "7", "[]", "\"x\"", "\u{0}", "a: b: c", String(repeating: "{\"a\":", count: 10_000), "!!binary x", "*a",
      "{\"\": 1}", "? [a]\n: b", "{\"a\": \"\\ud800\"}",
    ] {
      #expect(!file.faults(text).isEmpty, "\(text.prefix(40))")
    }
  }

  /// The schema is never stricter than the reader, and as strict wherever the fault is one of kind.
  @Test(
    .enabled(if: Python.path != nil, "\(Python.absence)"), arguments: CommittedFile.allCases)
  func schemaAndReaderAgree(_ file: CommittedFile) throws {
    let mutants = try file.mutants() + [Mutant(path: "", isText: false, text: file.everything)]
    let said = try SchemaValidator.faults(of: mutants.map(\.text), schema: try #require(file.schema))
    for (mutant, schemaFault) in zip(mutants, said) {
      let faults = file.faults(mutant.text)
      #expect(!faults.isEmpty || schemaFault == "", "the schema alone refuses \(mutant.path): \(schemaFault)")
      if !mutant.isText {
        #expect(faults.isEmpty == (schemaFault == ""), "\(mutant.path): \(faults.map(\.line)), but \(schemaFault)")
      }
    }
  }
}
