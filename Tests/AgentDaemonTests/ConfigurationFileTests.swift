import ExecutionModel
import Foundation
import SecretBytes
import Testing

@testable import AgentDaemon

private func parse(_ text: String) throws -> AgentConfiguration {
  try ConfigurationFile.parse(SecretBytes(text))
}

/// The faults' lines; empty where there is none.
private func faults(_ text: String) -> [String] {
  do {
    _ = try parse(text)
    return []
  } catch let faults as DocumentFaults {
    return faults.faults.map(\.line)
  } catch {
    return ["not a fault of documents: \(error)"]
  }
}

@Suite struct ConfigurationFileTests {
  @Test(arguments: ["", "# nothing but words\n", "{}", "null"])
  func whatSaysNothingIsTheDefaults(_ text: String) throws {
    let configuration = try parse(text)
    #expect(configuration.nodeID == AgentConfiguration.hostName)
    #expect(configuration.folder == nil && configuration.orchestrators.isEmpty && configuration.policy == nil)
    #expect(configuration.api == AgentConfiguration.API())
    #expect(configuration.api.mode == 0o600 && configuration.api.metrics == nil)
    #expect(configuration.outputs.permissions.fileMode == 0o600)
    #expect(configuration.stop == AgentConfiguration.Stop())
  }

  @Test func anExecutionHasOneUser() {
    #expect(
      faults("api: {workload_users: {web: [nobody]}}")
        == ["api.workload_users.web: expected the name of one user (line 1, column 29)"])
  }

  @Test func theAnnotatedExampleIsValidAndHoldsTheDefaults() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("config/agent.yaml"), encoding: .utf8)
    let defaults = AgentConfiguration()
    let asItIs = try parse(text)
    #expect(asItIs.nodeID == defaults.nodeID && asItIs.policy == nil && asItIs.cache == nil)
    #expect(asItIs.orchestrators.isEmpty && asItIs.notices.isEmpty)
    // What names something of the reader's begins with a # and no space.
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let blocks = lines.map { $0.hasPrefix("#") && !$0.hasPrefix("# ") || $0.hasPrefix("#  ") ? $0.dropFirst() : $0 }
    let configuration = try parse(blocks.joined(separator: "\n"))
    #expect(configuration.nodeID == "edge-17")
    #expect(configuration.stateFolder == defaults.stateFolder)
    #expect(configuration.folder?.quiet == AgentConfiguration.Folder(path: "/x").quiet)
    #expect(configuration.orchestrators.count == 1)
    #expect(configuration.orchestrators[0].pollInterval == AgentConfiguration.Orchestrator().pollInterval)
    #expect(configuration.orchestrators[0].addresses.name == "https://orchestrator.example.com:9010")
    #expect(configuration.outputs == defaults.outputs)
    #expect(
      configuration.notices == [
        .signalFile(SIGHUP, "/run/app/{job_id}.pid"),
        .command(["/usr/local/bin/on-rotation", "{id}", "{folder}"], timeLimit: .seconds(30)),
        .unitReload("app@{job_id}.service"),
      ])
    #expect(configuration.noticeDelay == defaults.noticeDelay)
    #expect(configuration.api == defaults.api)
    #expect(configuration.limits == defaults.limits)
    #expect(configuration.stop == defaults.stop)
  }

  @Test func everySettingIsRead() throws {
    let configuration = try parse(
      """
      node_id: n
      state_folder: /s
      policy: /p.yaml
      sources:
        folder: {path: /docs, quiet: 5s}
        orchestrators:
          urls: ["https://o.example/api/v1/executions?node_ids={node_id}"]
          namespace: shop
          job_id: j
          api_key_file: /key
          token_url: https://o.example/token
          ca_file: /ca.pem
          client_certificate_file: /c.pem
          client_key_file: /k.pem
          poll_interval: 1m30s
      outputs: {root: /o, folder: "{namespace}.{name}-{id}", environment_file: none, mode: "0640", folder_mode: "0750", owner: "1", group: root}
      notices: {signal: usr1, pid: 77}
      notice_delay: 0s
      api: {socket: /a.sock, mode: "0660", group: "7", allowed_users: ["5", root], allowed_groups: [root], operator_users: ["6"], operator_groups: ["8"], put_overrides: true, metrics_address: "[::1]:9465"}
      limits: {connect: 100ms, attempt: 2s, in_flight: 1000}
      stop: {remove_outputs: true, revoke_leases: true}
      """)
    #expect(configuration.nodeID == "n" && configuration.stateFolder == "/s" && configuration.policy == "/p.yaml")
    #expect(configuration.folder == AgentConfiguration.Folder(path: "/docs", quiet: .seconds(5)))
    let orchestrator = try #require(configuration.orchestrators.first)
    #expect(orchestrator.namespace == "shop" && orchestrator.jobID == "j" && orchestrator.pollInterval == .seconds(90))
    #expect(orchestrator.apiKeyFile == "/key" && orchestrator.tokenURL == "https://o.example/token")
    #expect(orchestrator.caFile == "/ca.pem" && orchestrator.clientCertificateFile == "/c.pem")
    #expect(orchestrator.clientKeyFile == "/k.pem")
    #expect(orchestrator.addresses.lists == ["https://o.example/api/v1/executions?node_ids={node_id}"])
    let outputs = configuration.outputs
    #expect(outputs.root == "/o" && outputs.environmentFile == nil && outputs.hasFiles)
    #expect(outputs.permissions.fileMode == 0o640 && outputs.permissions.folderMode == 0o750)
    #expect(outputs.permissions.owner == 1 && outputs.permissions.group == 0)
    #expect(configuration.notices == [.signalPID(SIGUSR1, 77)] && configuration.noticeDelay == .zero)
    #expect(configuration.api.mode == 0o660 && configuration.api.group == 7)
    #expect(configuration.api.allowedUsers == [0, 5] && configuration.api.allowedGroups == [0])
    #expect(configuration.api.operatorUsers == [6] && configuration.api.operatorGroups == [8])
    #expect(configuration.api.putOverrides && configuration.api.metrics?.port == 9465)
    #expect(
      configuration.limits
        == AgentConfiguration.Limits(connect: .milliseconds(100), attempt: .seconds(2), inFlight: 1000))
    #expect(configuration.stop == AgentConfiguration.Stop(removesOutputs: true, revokesLeases: true))
  }

  /// Each is one fault, with the path and line of the setting.
  @Test(arguments: [
    ("\nnode_id: 5", "line 2", "node_id"), ("\nnode_id: \"\"", "line 2", "node_id"),
    ("\nnode_idd: n", "line 2", "did you mean \"node_id\"?"),
    ("\nstate_folder: s", "line 2", "state_folder"), ("\nstate_folder: /a/../b", "line 2", "state_folder"),
    ("sources: [1]", "line 1", "sources"), ("sources:\n  folder: {quiet: 1s}", "line 2", "sources.folder.path"),
    ("sources:\n  folder:\n    path: /d\n    quiet: 1ms", "line 4", "sources.folder.quiet"),
    ("sources:\n  folder:\n    path: /d\n    quite: 2s", "line 4", "sources.folder.quite"),
    ("sources:\n  orchestrators:\n    - {}", "line 3", "sources.orchestrators[0].urls"),
    ("sources: {orchestrators: [{urls: [5]}, 7]}", "line 1", "sources.orchestrators[1]"),
    ("sources: {orchestrators: {urls: [\"http://far.example/x\"]}}", "line 1", "needs https"),
    ("sources: {orchestrators: {urls: [\"ftp://far.example/x\"]}}", "line 1", "expected an address"),
    (
      "sources: {orchestrators: {urls: [\"https://x/\"], token_file: /t, api_key_file: /k, token_url: \"https://x/\"}}",
      "line 1", "exclude each other"
    ),
    ("sources: {orchestrators: {urls: [\"https://x/\"], token_url: \"https://x/t\"}}", "line 1", "needs api_key_file"),
    (
      "sources: {orchestrators: {urls: [x], api_key_file: /k, token_url: \"http://x/t\"}}", "line 1",
      ".token_url: x is not"
    ),
    ("sources: {orchestrators: {urls: [\"x/path\"]}}", "line 1", "urls[0]: expected an address"),
    ("sources: {orchestrators: {urls: []}}", "line 1", "urls: give at least one"),
    ("sources: {orchestrators: {urls: [\"https://x/\"], client_key_file: /k}}", "line 1", "need each other"),
    ("sources: {orchestrators: {urls: [\"https://x/\"], poll_interval: 0s}}", "line 1", "poll_interval"),
    ("outputs: {folder: \"{nope}\"}", "line 1", "outputs.folder"),
    ("outputs: {folder: ../x}", "line 1", "outputs.folder"),
    ("outputs: {environment_file: none, files: false}", "line 1", "nothing would be delivered"),
    ("outputs: {mode: \"0604\"}", "line 1", "outputs.mode"), ("outputs: {mode: \"0o600\"}", "line 1", "outputs.mode"),
    ("outputs: {mode: \"7777777777777777777777\"}", "line 1", "outputs.mode"),
    ("outputs: {owner: nobody-of-that-name}", "line 1", "outputs.owner"),
    ("outputs: {files: 1}", "line 1", "outputs.files"),
    ("notices:\n- signal: HUP", "line 2", "notices[0]"), ("notices: {signal: HUP, pid: 1}", "line 1", "notices.pid"),
    ("notices: {signal: HUP, pid: 5, pid_file: /x}", "line 1", "exactly one of pid, pid_file"),
    ("notices: {signal: HUP, unit: u, pid: 5}", "line 1", "one of signal, command, unit"),
    ("notices: {command: [ls]}", "line 1", "absolute path"), ("notices: {command: []}", "line 1", "absolute path"),
    ("api: {metrics_address: \"0.0.0.0:9465\"}", "line 1", "loopback"),
    ("api: {metrics_address: \"127.0.0.1:70000\"}", "line 1", "loopback"),
    ("api: {allowed_users: [root, nobody-of-that-name]}", "line 1", "api.allowed_users"),
    ("limits: {in_flight: 0}", "line 1", "limits.in_flight"),
    ("limits: {in_flight: 1.5}", "line 1", "limits.in_flight"),
    ("limits: {in_flight: 99999999999999999999}", "line 1", "limits.in_flight"),
    ("limits: {connect: forever}", "line 1", "limits.connect"), ("stop: {revoke_leases: yes please}", "line 1", "stop"),
    ("[]", "line 1", "expected an object"), ("text", "line 1", "expected an object"),
  ])
  func aFaultIsToldWithPathAndLine(_ text: String, _ line: String, _ words: String) {
    let lines = faults(text)
    #expect(lines.contains { $0.contains(line) && $0.contains(words) }, "\(lines)")
  }

  @Test func allFaultsComeAtOnce() {
    let lines = faults("node_id: []\nsources: {folder: 5}\noutputs: {root: x}\nlimits: {attempt: 0s}\nnope: 1\n")
    #expect(lines.count == 5, "\(lines)")
  }

  @Test(arguments: [
    "node_id: [", "\"", "a: b: c", "node_id: n\nnode_id: m", "&a [*a]", "{\"node_id\": \"n\"", "\u{0}", "- - - -\t",
    String(repeating: "[", count: 100_000), String(repeating: "x: {", count: 100_000), "!!binary x",
    "node_id: \"\\ud800\"", "a: &a [1]\nb: [*a, *a]",
  ])
  func garbageIsAFaultAndNoTrap(_ text: String) {
    #expect(!faults(text).isEmpty)
  }

  @Test func everyPrefixAndEveryFlippedByteOfAFileIsReadOrRefused() throws {
    let bytes = Array(
      """
      node_id: n
      sources: {folder: {path: /docs, quiet: 5s}, orchestrators: [{urls: ["https://x/{node_id}"], poll_interval: 1m}]}
      outputs: {mode: "0640", folder: "{id}"}
      notices: [{signal: HUP, pid: 77}, {command: [/bin/true, "{id}"], time_limit: 3s}]
      api: {allowed_users: [root], metrics_address: "127.0.0.1:1"}
      limits: {in_flight: 7}
      """.utf8)
    for end in 0..<bytes.count {
      _ = try? ConfigurationFile.parse(SecretBytes(bytes[..<end]))
      for byte: UInt8 in [0, 0xff, 0x2d, 0x7b, 0x39] {
        var changed = bytes
        changed[end] = byte
        _ = try? ConfigurationFile.parse(SecretBytes(changed))
      }
    }
  }
}
