import ExecutionModel
import SecretBytes
import Settings
import YAMLReader

/// The daemon's configuration, YAML or JSON: what can be set, once, for the reader and for the JSON Schema.
public enum ConfigurationFile {
  /// - Throws: every fault of the file, each with path and line.
  public static func parse(_ bytes: SecretBytes) throws(DocumentFaults) -> AgentConfiguration {
    try settings.read(bytes, over: AgentConfiguration())
  }

  /// The policy that a file names, whatever else is wrong with it.
  public static func policy(namedIn bytes: SecretBytes) -> String? {
    let path = (try? YAMLReader.parse(bytes, limits: .document))?.member("policy")?.text
    return path.flatMap { $0.hasPrefix("/") && !$0.utf8.contains(0) ? $0 : nil }
  }

  /// The JSON Schema, for editors.
  public static var schema: SecretBytes { settings.schema }

  static let settings = SettingsFile(
    "agent", "The configuration of the secrets-agent daemon (agent.yaml)", noun: "setting", root,
    defaults: AgentConfiguration())

  private static let root = SettingsObject<AgentConfiguration>(rules: SocketRules.apart) {
    Setting(
      "node_id", .text, \.nodeID, default: "the host's name",
      "What tells this node from others: only its executions are taken, and refreshes are spread by it.")
    Setting(
      "state_folder", .path, \.stateFolder,
      "Records, the lock that keeps a second instance away, and the sealed cache; nothing secret lies in it in the clear."
    )
    Setting(
      "policy", .path, \.policy, default: "the strict policy: https or loopback, no files, no environment",
      "The node policy's file: what documents may do on this node.")
    Setting(
      "cache", .object(cache, from: AgentConfiguration.Cache()), \.cache, default: "off",
      "Keeps the values last delivered sealed in the state folder, for a start without a network; {} turns it on.")
    Setting("sources", sources, \.self, "Where executions come from, beside the local API.")
    Setting("outputs", outputs, \.outputs, "Where and how secrets are delivered: one folder an execution.")
    Setting(
      "notices", .listOrOne(of: .notice, named: "notice"), \.notices, default: "none",
      "What is told of a new generation, in this order; the first generation of an execution is told to nobody.")
    Setting(
      "notice_delay", .duration(atLeast: .zero), \.noticeDelay,
      "Changes that follow each other within this time are one notice.")
    Setting("api", api, \.api, "The local API.")
    Setting(
      "credentials", .object(credentials, from: AgentConfiguration.Credentials()), \.credentials, default: "off",
      "Gives units their credentials (LoadCredential=ID:SOCKET); {} turns it on.")
    Setting(
      "values", .object(values, from: AgentConfiguration.Values()), \.values, default: "off",
      "Gives values to the node's own engines, as Nomad; {} turns it on. The local API never does.")
    Setting("limits", limits, \.limits, "How long calls may take, and how many there may be.")
    Setting("stop", stop, \.stop, "What SIGTERM does beside ending.")
  }

  private static let cache = SettingsObject<AgentConfiguration.Cache> {
    Setting(
      "key_file", .path, \.keyFile,
      "Its keys, as `secrets-agent cache init` makes them; the systemd credential secrets-agent-cache-key counts before it."
    )
  }

  private static let sources = SettingsObject<AgentConfiguration> {
    Setting(
      "folder", .object(folder, from: AgentConfiguration.Folder(path: "")), \.folder, default: "none",
      "A watched folder of *.json, *.yaml and *.yml.")
    Setting(
      "orchestrators", .listOrOne(of: .orchestrator, named: "orchestrator"), \.orchestrators, default: "none",
      "Orchestrators' REST APIs; one that several list counts by the first.")
  }

  private static let folder = SettingsObject<AgentConfiguration.Folder> {
    Setting("path", .path, \.path, required: true, "The folder; rename files into place, or let them be quiet a while.")
    Setting(
      "quiet", .duration(atLeast: .milliseconds(100)), \.quiet,
      "How long a file that cannot be read must have been quiet before that is an error.")
  }

  private static let outputs = SettingsObject<AgentConfiguration.Outputs>(rules: [
    .check(at: \.hasFiles) { outputs in
      outputs.hasFiles || outputs.environmentFile != nil
        ? nil : "neither files nor an env file: nothing would be delivered"
    }
  ]) {
    Setting("root", .path, \.root, "The folder of all executions' folders; put it on a tmpfs.")
    Setting(
      "folder", .folderName, \.folder,
      "The name of an execution's folder; {id}, {job_id}, {namespace} and {name} are filled in.")
    Setting(
      "environment_file", .environmentFormat, \.environmentFile, "The format of the env file beside the files.")
    Setting("files", .flag, \.hasFiles, "Whether each secret is a file.")
    Setting("mode", .mode(forbidding: 0o007), \.permissions.fileMode, "Permission bits of files.")
    Setting("folder_mode", .mode(forbidding: 0o002), \.permissions.folderMode, "Permission bits of folders.")
    Setting(
      "owner", .user, \.permissions.owner, default: "the agent's own user", "Whose the outputs are, by name or number.")
    Setting(
      "group", .group, \.permissions.group, default: "the system's choice", "The outputs' group, by name or number.")
  }

  private static let api = SettingsObject<AgentConfiguration.API>(rules: [
    .check(at: \.socket) { SocketRules.fault($0.socket) }
  ]) {
    Setting("socket", .path, \.socket, "The Unix socket.")
    Setting("mode", .mode(forbidding: 0o007), \.mode, "Permission bits of the socket.")
    Setting("group", .group, \.group, default: "the agent's own", "The socket's group, by name or number.")
    Setting(
      "allowed_users", .accounts(.user), \.allowedUsers, default: "none",
      "Who may look (status, metrics, health) besides root and the agent's own user, by name or number.")
    Setting(
      "allowed_groups", .accounts(.group), \.allowedGroups, default: "none",
      "Whose members may look, by name or number.")
    Setting(
      "operator_users", .accounts(.user), \.operatorUsers, default: "none",
      "Who may put, delete and refresh too, besides root and the agent's own user, by name or number.")
    Setting(
      "operator_groups", .accounts(.group), \.operatorGroups, default: "none",
      "Whose members may put, delete and refresh too, by name or number.")
    Setting(
      "workload_users", .workloadUsers, \.workloadUsers, default: "none",
      "Whose workload may say that a value was refused (refresh --reason refused), and nothing else: users by an execution's id, its job's id, or its name; * is every execution."
    )
    Setting(
      "put_overrides", .flag, \.putOverrides,
      "Whether a put counts before what a folder or an orchestrator lists by the same id; otherwise it is refused.")
    Setting(
      "metrics_address", .loopbackListener, \.metrics, default: "none",
      "A listener of /metrics, /healthz and /readyz for scrapers that cannot use the socket, and of the status page.")
  }

  private static let credentials = SettingsObject<AgentConfiguration.Credentials>(rules: [
    .check(at: \.socket) { SocketRules.fault($0.socket) }
  ]) {
    Setting(
      "socket", .path, \.socket, "The Unix socket; its mode is 0600, and only root and the agent's user are served.")
    Setting(
      "units", .units, \.units, default: "none",
      "Ids of executions by the names of units. A unit that is not in it gets what the execution of its own name has.")
    Setting(
      "wait", .duration(atLeast: .zero), \.wait,
      "How long the start of a unit waits for the first generation, all its credentials together.")
  }

  private static let values = SettingsObject<AgentConfiguration.Values>(rules: [
    .check(at: \.socket) { SocketRules.fault($0.socket) }
  ]) {
    Setting("socket", .path, \.socket, "The Unix socket.")
    Setting("mode", .mode(forbidding: 0o007), \.mode, "Permission bits of the socket.")
    Setting("group", .group, \.group, default: "the agent's own", "The socket's group, by name or number.")
    Setting(
      "allowed_users", .accounts(.user), \.allowedUsers, default: "none",
      "Who is given values of every execution besides root and the agent's own user, by name or number.")
  }

  private static let limits = SettingsObject<AgentConfiguration.Limits> {
    Setting("connect", .duration(atLeast: .milliseconds(100)), \.connect, "How long a connection may take.")
    Setting("attempt", .duration(atLeast: .milliseconds(100)), \.attempt, "How long one attempt of a call may take.")
    Setting("in_flight", .integer(1...1000), \.inFlight, "How many calls go out at once on one connection, at most.")
  }

  private static let stop = SettingsObject<AgentConfiguration.Stop> {
    Setting(
      "remove_outputs", .flag, \.removesOutputs, "Whether outputs are removed; otherwise they stay for the restart.")
    Setting(
      "revoke_leases", .flag, \.revokesLeases,
      "Whether leases are revoked; otherwise workloads go on with what they have.")
  }
}
