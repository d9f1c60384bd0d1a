import HTTPTransport
import Settings
import Text

/// One entry of an orchestrator's `urls`, and what follows from it. All are templates, with `{node_id}`, `{namespace}` and `{job_id}`
/// as the entry has them.
struct OrchestratorAddress: Sendable, Equatable {
  let written: String
  /// Where the executions of this node are listed.
  let list: String
  /// What all addresses of the API begin with: `https://host:9010`, and what stands before `/api/v1/` in the entry's path.
  let base: String

  /// What a node has to do with. What has stopped is not listed: it would grow without end.
  private static let states = [
    "pending", "starting", "validating", "running", "degraded", "failed", "lost", "stopping",
  ]
  private static let port = 9010

  /// - Parameter text: a host with or without a port, a base as `https://host:9010`, or a whole address, which is taken as it is.
  init(_ text: String) throws(SettingFault) {
    written = text
    let isBare = !text.contains("://")
    let whole = isBare ? "https://\(text)" : text
    try Self.check(whole)
    let parts = Self.parts(of: whole)
    let hasPath = parts.rest != "" && parts.rest != "/"
    guard !isBare || !hasPath, !parts.origin.hasSuffix(":") else {
      throw Self.malformed
    }
    let origin = isBare && !Self.hasPort(text) ? "\(parts.origin):\(Self.port)" : String(parts.origin)
    let path = parts.rest.prefix { $0 != "?" }
    base = "\(origin)\(path.firstRange(of: "/api/v1/").map { path[..<$0.lowerBound] } ?? "")"
    list =
      hasPath
      ? whole
      : "\(base)/api/v1/executions?node_ids={node_id}&limit=1000" + Self.states.map { "&states=\($0)" }.joined()
  }

  /// The bearer goes to these: https, or this machine.
  static func check(_ template: String) throws(SettingFault) {
    var plain = template
    for name in ["{node_id}", "{namespace}", "{job_id}"] {
      plain = plain.split(separator: name, omittingEmptySubsequences: false).joined(separator: "x")
    }
    guard let url = try? HTTPURL(parsing: plain) else {
      throw malformed
    }
    if url.scheme == .http, !url.isLoopbackHost {
      throw SettingFault("\(url.host) is not loopback, so it needs https: the token goes there")
    }
  }

  private static let malformed = SettingFault("expected an address as https://host:9010 or https://host:port/path")

  /// `https://host:port`, and all that follows.
  private static func parts(of address: String) -> (origin: Substring, rest: Substring) {
    guard let scheme = address.firstRange(of: "://"),
      let end = address[scheme.upperBound...].firstIndex(where: { $0 == "/" || $0 == "?" })
    else {
      return (address[...], "")
    }
    return (address[..<end], address[end...])
  }

  /// Whether a port follows the host; an IPv6 address has its colons within brackets.
  private static func hasPort(_ authority: String) -> Bool {
    let end = authority.lastIndex(of: "]").map { authority.index(after: $0) }
    return authority[(end ?? authority.startIndex)...].contains(":")
  }
}

/// What the `urls` of one orchestrator mean.
public struct OrchestratorAddresses: Sendable, Equatable {
  /// The first as it is written: what tells this orchestrator from others.
  public let name: String
  /// Where this node's executions are listed.
  public let lists: [String]
  /// Where one job is found; `{job_id}` is filled in for each execution.
  public let jobURL: String
  /// Where API keys are exchanged for tokens, unless the settings say otherwise.
  public let tokenURL: String

  /// - Parameter addresses: the entries; of none everything is empty, as long as the settings are not read.
  init(_ addresses: [OrchestratorAddress] = []) {
    let base = addresses.first?.base ?? ""
    name = addresses.first?.written ?? ""
    lists = addresses.map(\.list)
    jobURL = "\(base)/api/v1/jobs/{job_id}"
    tokenURL = "\(base)/api/v1/auth/token"
  }
}
