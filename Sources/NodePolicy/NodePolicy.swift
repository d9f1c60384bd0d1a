import ExecutionModel
import HTTPTransport
import Text

/// What the node's owner lets executions do, whatever their documents say.
///
/// Two defaults exist: ``strict`` for the daemon, whose documents come from an orchestrator, and ``personal`` for commands from
/// a person's shell, which run with that person's own rights.
public struct NodePolicy: Sendable {
  /// Which paths a rule lets through.
  public enum PathScope: Sendable, Equatable {
    case anywhere
    /// Only beneath these folders (absolute, without a trailing `/`); none at all where it is empty.
    case beneath([String])
  }

  /// Which names a rule lets through; patterns may end in `*`.
  public enum NameScope: Sendable, Equatable {
    case any
    case matching([String])

    func allows(_ name: String) -> Bool {
      switch self {
      case .any: true
      case .matching(let patterns): patterns.contains { NamePattern.matches(name, $0) }
      }
    }
  }

  /// Provider types that documents may use.
  public var providerTypes: NameScope
  /// Addresses that providers may have; empty: any host over `https`.
  public var addresses: [AddressPattern]
  /// Folders of files that authentication may read.
  public var credentialFiles: PathScope
  /// Environment variables of the agent that authentication may read.
  public var environment: NameScope
  /// Where credentials may be sent; one that no rule names goes wherever the connection does.
  public var credentialRules: [CredentialRule] = []
  /// Which of the credential rules are for the execution at hand.
  public var grant = CredentialGrant.none
  /// Folders that the `file` provider may read.
  public var fileRoots: PathScope
  /// Folders that outputs may be written beneath.
  public var outputRoots: PathScope
  /// Paths of Vault's own API that entries may read all the same, as `identity/oidc/token/*`; patterns may end in `*`.
  public var vaultPaths = NameScope.matching([])
  /// Audiences for which authentication may ask the node's SPIFFE Workload API for a token.
  public var spiffeAudiences = NameScope.matching([])
  /// Where that API listens, as `unix:///path`; `nil`: where the agent's variable `SPIFFE_ENDPOINT_SOCKET` says.
  public var spiffeSocket: String?
  /// Dangerous names (``DangerousName``) that secrets may have all the same.
  public var dangerousNames: NameScope
  /// Whether `tls.skip_verify` is honoured.
  public var allowsSkipVerify: Bool
  /// Whether a Vault standby's redirect is followed to another address that the policy lets through, token and all.
  public var allowsStandbyRedirects: Bool
  /// How old a value may get before it is no longer delivered; `nil`: no limit.
  public var maxStale: GoDuration?
  /// What becomes of what was delivered, once it is too old or its store gives it no more.
  public var onMaxStale = StaleReaction.remove
  /// The shortest interval at which a secret is refreshed; a shorter one in a document is raised to it.
  public var minRefresh = GoDuration(nanoseconds: 1_000_000_000)
  /// How much the node takes of what documents ask for and stores give.
  public var bounds = Bounds()
  /// Where the policy comes from, for refusals: a file's path or "the default policy".
  public var origin: String

  /// The daemon's: `https` or loopback, no files, no environment.
  public static let strict = NodePolicy(
    providerTypes: .any, addresses: [], credentialFiles: .beneath([]), environment: .matching([]),
    fileRoots: .beneath([]), outputRoots: .beneath([]), dangerousNames: .matching([]), allowsSkipVerify: false,
    allowsStandbyRedirects: false, maxStale: nil, origin: "the default policy")

  /// A person's: reads what the person can read, sends it to `https` and loopback addresses.
  public static let personal = NodePolicy(
    providerTypes: .any, addresses: [], credentialFiles: .anywhere, environment: .any, fileRoots: .anywhere,
    outputRoots: .anywhere, spiffeAudiences: .any, dangerousNames: .matching([]), allowsSkipVerify: false,
    allowsStandbyRedirects: false,
    maxStale: nil, origin: "the default policy")
}

extension NodePolicy {
  /// What becomes of outputs that hold a value which is too old, or which its store refuses after a start without it.
  public enum StaleReaction: String, Sendable, CaseIterable {
    /// They stay, and status says how they stand.
    case keep
    /// They are removed.
    case remove
    /// They are removed, and the workload is told to end.
    case stop
  }
}

extension NodePolicy {
  /// What one execution may cost its node, and so its neighbours.
  public struct Bounds: Sendable, Equatable {
    /// Bytes of one stored value, as it comes from its store.
    public var valueBytes = 1 << 20
    /// Bytes of all values that one execution gets.
    public var executionBytes = 16 << 20
    /// Bytes of all values that the agent holds.
    public var heldBytes = 256 << 20
    /// Entries of one execution.
    public var secrets = 10_000
    /// Providers of one execution, each of which is a connection.
    public var providers = 64
  }
}

/// Why the policy does not let something through. It names the rule, and never a value.
public struct PolicyRefusal: Error, Sendable, Equatable {
  /// The key of the policy file, as `addresses`.
  public let rule: String
  public let message: String

  public init(rule: String, message: String) {
    self.rule = rule
    self.message = message
  }
}

/// A host pattern with the ports and the transport security that it asks for.
public struct AddressPattern: Sendable, Equatable {
  /// A host name or address; `*.example.com` stands for every name below, `*` for every host, a `*` between dots for one part of a
  /// name, as in `ssm.*.amazonaws.com`.
  public var host: String
  /// Empty: every port.
  public var ports: [Int]
  public var requiresTLS: Bool

  public init(host: String, ports: [Int] = [], requiresTLS: Bool = true) {
    self.host = host
    self.ports = ports
    self.requiresTLS = requiresTLS
  }

  func matches(_ url: HTTPURL) -> Bool {
    (host == "*" || matches(host: url.host.lowercased())) && (ports.isEmpty || ports.contains(url.port))
  }

  private func matches(host name: String) -> Bool {
    let pattern = host.lowercased()
    guard pattern.contains("*") else {
      return pattern == name
    }
    var names = name.split(separator: ".", omittingEmptySubsequences: false)[...]
    var parts = pattern.split(separator: ".", omittingEmptySubsequences: false)[...]
    if parts.first == "*" {
      // As many parts as there are, and one at least.
      parts = parts.dropFirst()
      guard names.count > parts.count, names.dropLast(parts.count).allSatisfy({ !$0.isEmpty }) else {
        return false
      }
      names = names.suffix(parts.count)
    }
    return names.count == parts.count && zip(parts, names).allSatisfy { $0 == "*" ? !$1.isEmpty : $0 == $1 }
  }
}

enum NamePattern {
  static func matches(_ name: String, _ pattern: String) -> Bool {
    pattern.hasSuffix("*") ? name.utf8.starts(with: pattern.dropLast().utf8) : name == pattern
  }
}
