import Delivery
import ExecutionModel
import Glibc
import HTTPTransport
import JSONReader
import SecretBytes
import YAMLReader

/// Reads the daemon's configuration, YAML or JSON.
public enum ConfigurationFile {
  /// - Throws: every fault of the file, each with path and line.
  public static func parse(_ bytes: SecretBytes) throws(DocumentFaults) -> AgentConfiguration {
    let root: JSONValue
    do throws(JSONFault) {
      root = try YAMLReader.parse(bytes, limits: .document)
    } catch {
      throw DocumentFaults([DocumentFault("", "\(error)")])
    }
    let faults = ConfigurationFaults()
    var configuration = AgentConfiguration()
    if !root.isNull, let block = ConfigurationBlock(root, "", faults) {
      read(block, into: &configuration)
    }
    guard faults.faults.isEmpty else {
      throw DocumentFaults(faults.faults)
    }
    return configuration
  }

  private static func read(_ block: ConfigurationBlock, into configuration: inout AgentConfiguration) {
    configuration.nodeID = block.text("node_id") ?? configuration.nodeID
    configuration.stateFolder = block.path("state_folder") ?? configuration.stateFolder
    configuration.policy = block.path("policy")
    if let sources = block.block("sources") {
      configuration.folder = sources.block("folder").flatMap(folder)
      configuration.orchestrators = sources.blocks("orchestrators").compactMap(orchestrator)
      sources.finish()
    }
    if let outputs = block.block("outputs") {
      configuration.outputs = self.outputs(outputs)
    }
    configuration.notices = block.blocks("notices").compactMap(NoticeReader.notice)
    configuration.noticeDelay = block.duration("notice_delay", atLeast: .zero) ?? configuration.noticeDelay
    if let api = block.block("api") {
      configuration.api = self.api(api)
    }
    if let limits = block.block("limits") {
      configuration.limits = self.limits(limits)
    }
    if let stop = block.block("stop") {
      configuration.stop.removesOutputs = stop.flag("remove_outputs") ?? false
      configuration.stop.revokesLeases = stop.flag("revoke_leases") ?? false
      stop.finish()
    }
    block.finish()
  }

  private static func folder(_ block: ConfigurationBlock) -> AgentConfiguration.Folder? {
    let path = block.requiredText("path").flatMap { _ in block.path("path") }
    let quiet = block.duration("quiet", atLeast: .milliseconds(100))
    block.finish()
    guard let path else {
      return nil
    }
    return AgentConfiguration.Folder(path: path, quiet: quiet ?? .seconds(2))
  }

  private static func orchestrator(_ block: ConfigurationBlock) -> AgentConfiguration.Orchestrator? {
    var orchestrator = AgentConfiguration.Orchestrator(urls: block.texts("urls") ?? [])
    orchestrator.namespace = block.text("namespace")
    orchestrator.jobID = block.text("job_id")
    orchestrator.tokenFile = block.path("token_file")
    orchestrator.apiKeyFile = block.path("api_key_file")
    orchestrator.tokenURL = block.text("token_url")
    orchestrator.caFile = block.path("ca_file")
    orchestrator.clientCertificateFile = block.path("client_certificate_file")
    orchestrator.clientKeyFile = block.path("client_key_file")
    orchestrator.pollInterval = block.duration("poll_interval", atLeast: .seconds(1)) ?? orchestrator.pollInterval
    if orchestrator.urls.isEmpty {
      block.fault("urls", "required: one or more list URLs, as https://host:9010/api/v1/executions?node_ids={node_id}")
    }
    for url in orchestrator.urls + (orchestrator.tokenURL.map { [$0] } ?? []) {
      checkAddress(url, block)
    }
    if orchestrator.tokenFile != nil, orchestrator.apiKeyFile != nil {
      block.fault("token_file", "token_file and api_key_file exclude each other; keep one")
    }
    if (orchestrator.apiKeyFile == nil) != (orchestrator.tokenURL == nil) {
      block.fault("api_key_file", "api_key_file and token_url need each other; give both or neither")
    }
    if (orchestrator.clientCertificateFile == nil) != (orchestrator.clientKeyFile == nil) {
      block.fault("client_key_file", "client_certificate_file and client_key_file need each other; give both or neither")
    }
    block.finish()
    return orchestrator
  }

  /// The bearer goes to these: https, or this machine.
  private static func checkAddress(_ text: String, _ block: ConfigurationBlock) {
    var plain = text
    for name in ["{node_id}", "{namespace}", "{job_id}"] {
      plain = plain.split(separator: name, omittingEmptySubsequences: false).joined(separator: "x")
    }
    guard let url = try? HTTPURL(parsing: plain) else {
      return block.fault("urls", "expected an address as https://host:port/path")
    }
    if url.scheme == .http, !url.isLoopbackHost {
      block.fault("urls", "\(url.host) is not loopback, so it needs https: the token goes there")
    }
  }

  private static func outputs(_ block: ConfigurationBlock) -> AgentConfiguration.Outputs {
    var outputs = AgentConfiguration.Outputs()
    outputs.root = block.path("root") ?? outputs.root
    outputs.folder = block.text("folder") ?? outputs.folder
    if let word = block.text("environment_file") {
      outputs.environmentFile = EnvironmentFormat(rawValue: word)
      if outputs.environmentFile == nil, word != "none" {
        let known = EnvironmentFormat.allCases.map(\.rawValue).joined(separator: ", ")
        block.fault("environment_file", "expected one of \(known), none")
      }
    }
    outputs.hasFiles = block.flag("files") ?? outputs.hasFiles
    if !outputs.hasFiles, outputs.environmentFile == nil {
      block.fault("files", "neither files nor an env file: nothing would be delivered")
    }
    if !OutputFolderName.isTemplate(outputs.folder) {
      block.fault("folder", "expected a name without '/', made of letters and {id}, {job_id}, {namespace}, {name}")
    }
    outputs.permissions = OutputPermissions(
      fileMode: mode(block, "mode", forbidden: 0o007) ?? 0o600,
      folderMode: mode(block, "folder_mode", forbidden: 0o002) ?? 0o700,
      owner: block.text("owner").flatMap { account($0, block, "owner", Accounts.user) },
      group: block.text("group").flatMap { account($0, block, "group", Accounts.group) })
    block.finish()
    return outputs
  }

  private static func mode(_ block: ConfigurationBlock, _ key: String, forbidden: mode_t) -> mode_t? {
    guard let text = block.text(key) else {
      return nil
    }
    guard let bits = mode_t(text, radix: 8), bits <= 0o777, bits & forbidden == 0 else {
      block.fault(key, "expected permission bits as \"0640\", without rights for every user")
      return nil
    }
    return bits
  }

  private static func account<Number>(
    _ name: String, _ block: ConfigurationBlock, _ key: String, _ find: (String) -> Number?
  ) -> Number? {
    guard let number = find(name) else {
      block.fault(key, "no \(key) of the system is named \(DocumentPath.shown(name))")
      return nil
    }
    return number
  }

  private static func api(_ block: ConfigurationBlock) -> AgentConfiguration.API {
    var api = AgentConfiguration.API()
    api.socket = block.path("socket") ?? api.socket
    api.mode = mode(block, "mode", forbidden: 0o007) ?? api.mode
    api.group = block.text("group").flatMap { account($0, block, "group", Accounts.group) }
    for name in block.texts("allowed_users") ?? [] {
      api.allowedUsers.formUnion(account(name, block, "allowed_users", Accounts.user).map { [$0] } ?? [])
    }
    for name in block.texts("allowed_groups") ?? [] {
      api.allowedGroups.formUnion(account(name, block, "allowed_groups", Accounts.group).map { [$0] } ?? [])
    }
    if let listener = block.text("metrics_address") {
      guard let url = try? HTTPURL(parsing: "http://\(listener)"), url.isLoopbackHost, url.path == "/" else {
        block.fault("metrics_address", "expected a loopback address and port, as 127.0.0.1:9465")
        return api
      }
      api.metricsHost = url.host
      api.metricsPort = url.port
    }
    block.finish()
    return api
  }

  private static func limits(_ block: ConfigurationBlock) -> AgentConfiguration.Limits {
    var limits = AgentConfiguration.Limits()
    limits.connect = block.duration("connect", atLeast: .milliseconds(100)) ?? limits.connect
    limits.attempt = block.duration("attempt", atLeast: .milliseconds(100)) ?? limits.attempt
    limits.inFlight = block.integer("in_flight", 1...1000) ?? limits.inFlight
    block.finish()
    return limits
  }
}

/// Users and groups by name or number.
public enum Accounts {
  public static func user(_ name: String) -> uid_t? {
    uid_t(name) ?? getpwnam(name)?.pointee.pw_uid
  }

  public static func group(_ name: String) -> gid_t? {
    gid_t(name) ?? getgrnam(name)?.pointee.gr_gid
  }
}
