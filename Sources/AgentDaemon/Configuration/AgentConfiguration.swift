import Delivery
import Glibc
import SealedCache

/// The daemon's own configuration; every key is explained in config/agent.yaml.
public struct AgentConfiguration: Sendable {
  /// What tells this node from others; the host's name where the file says nothing.
  public var nodeID = AgentConfiguration.hostName
  public var stateFolder = "/var/lib/secrets-agent"
  /// A node policy file; `nil`: the strict default.
  public var policy: String?
  /// `nil`: nothing is kept for a start without a network.
  public var cache: Cache?
  public var folder: Folder?
  public var orchestrators: [Orchestrator] = []
  public var outputs = Outputs()
  public var notices: [Notice] = []
  public var noticeDelay = Duration.seconds(1)
  public var api = API()
  /// `nil`: systemd is given no credentials.
  public var credentials: Credentials?
  /// `nil`: nobody is given values.
  public var values: Values?
  public var limits = Limits()
  public var stop = Stop()

  /// The sealed cache, in the state folder.
  public struct Cache: Sendable, Equatable {
    public var keyFile = CacheKeys.defaultPath
  }

  /// A watched folder of documents.
  public struct Folder: Sendable, Equatable {
    public var path: String
    /// How long a file that cannot be read must have been quiet before that is an error.
    public var quiet = Duration.seconds(2)
  }

  /// One orchestrator's REST API.
  public struct Orchestrator: Sendable, Equatable {
    public var addresses = OrchestratorAddresses()
    public var namespace: String?
    public var jobID: String?
    public var tokenFile: String?
    public var apiKeyFile: String?
    /// Where the key is exchanged; `nil`: where ``addresses`` say.
    public var tokenURL: String?
    public var caFile: String?
    public var clientCertificateFile: String?
    public var clientKeyFile: String?
    public var pollInterval = Duration.seconds(30)
  }

  /// Where and how generations are delivered: one folder an execution beneath the root.
  public struct Outputs: Sendable, Equatable {
    public var root = "/run/secrets-agent/executions"
    /// Name of an execution's folder; `{id}`, `{job_id}`, `{namespace}` and `{name}` are filled in.
    public var folder = "{id}"
    /// `nil`: no env file.
    public var environmentFile: EnvironmentFormat? = .dotenv
    public var hasFiles = true
    public var permissions = OutputPermissions()
  }

  /// A change notice; texts may hold `{id}`, `{job_id}`, `{namespace}`, `{name}` and `{folder}`.
  public enum Notice: Sendable, Equatable {
    case signalPID(Int32, pid_t)
    case signalFile(Int32, String)
    case command([String], timeLimit: Duration)
    case unitReload(String)
  }

  /// The local API.
  public struct API: Sendable, Equatable {
    public var socket = "/run/secrets-agent/api.sock"
    public var mode: mode_t = 0o600
    public var group: gid_t?
    public var allowedUsers: Set<uid_t> = []
    public var allowedGroups: Set<gid_t> = []
    public var operatorUsers: Set<uid_t> = []
    public var operatorGroups: Set<gid_t> = []
    /// Users of workloads by the execution's id, its job's id, or its name; `*`: of every execution.
    public var workloadUsers: [String: uid_t] = [:]
    /// Whether what is put counts before what a folder or an orchestrator lists.
    public var putOverrides = false
    /// A loopback listener for `/metrics`, `/healthz`, `/readyz` and the status page only.
    public var metrics: Listener?

    public struct Listener: Sendable, Equatable {
      public var host: String
      public var port: Int
    }
  }

  /// The socket that systemd loads units' credentials from.
  public struct Credentials: Sendable, Equatable {
    public var socket = "/run/secrets-agent/credentials.sock"
    /// Ids of executions by the names of units; a unit that is not in it gets what the execution of its own name has.
    public var units: [String: String] = [:]
    /// How long the start of a unit may wait for the first generation.
    public var wait = Duration.seconds(30)
  }

  /// The socket that gives values to the node's own engines.
  public struct Values: Sendable, Equatable {
    public var socket = Values.defaultSocket
    public var mode: mode_t = 0o600
    public var group: gid_t?
    public var allowedUsers: Set<uid_t> = []

    public static let defaultSocket = "/run/secrets-agent/values.sock"
  }

  public struct Limits: Sendable, Equatable {
    public var connect = Duration.seconds(5)
    public var attempt = Duration.seconds(10)
    public var inFlight = 64
  }

  /// What a stop of the daemon does; an execution that stops is always cleaned up.
  public struct Stop: Sendable, Equatable {
    public var removesOutputs = false
    /// Leases keep workloads going while the agent is restarted, so they stay by default.
    public var revokesLeases = false
  }

  public init() {}

  /// Whether anybody is given values other than by files.
  var givesValues: Bool { credentials != nil || values != nil }

  /// Where sealed values lie.
  public var cacheFolder: String { stateFolder + "/cache" }

  /// The host's own name.
  public static var hostName: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let base = buffer.baseAddress, gethostname(base, 255) == 0 else {
        return "localhost"
      }
      buffer[255] = 0
      return String(cString: base)
    }
  }
}
