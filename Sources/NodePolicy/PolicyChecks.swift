import ExecutionModel
import HTTPTransport
import Text

extension NodePolicy {
  /// Whether a provider may be reached at `url`.
  public func check(_ url: HTTPURL) throws(PolicyRefusal) {
    if LinkLocalHost.contains(url.host) {
      throw refusal("addresses", "\(url.host) is a link-local address")
    }
    guard !addresses.isEmpty else {
      if url.scheme == .http, !url.isLoopbackHost {
        throw refusal("addresses", "\(url.host) is not loopback, so it needs https")
      }
      return
    }
    let matching = addresses.filter { $0.matches(url) }
    guard !matching.isEmpty else {
      throw refusal("addresses", "\(url.host):\(url.port) is not among the allowed addresses")
    }
    if url.scheme == .http, !url.isLoopbackHost, matching.allSatisfy(\.requiresTLS) {
      throw refusal("addresses", "\(url.host) needs https")
    }
  }

  /// What the socket itself must hold to, whatever a name resolves to at the time.
  public func addressRule(for url: HTTPURL) -> HTTPAddressRule {
    if url.isLoopbackHost {
      return .loopbackOnly
    }
    return .noLinkLocal
  }

  /// Whether one execution may have so many entries and providers.
  public func check(secrets count: Int) throws(PolicyRefusal) {
    guard count <= bounds.secrets else {
      throw refusal("max_secrets", "\(count) entries, at most \(bounds.secrets) are let through")
    }
  }

  public func check(providers count: Int) throws(PolicyRefusal) {
    guard count <= bounds.providers else {
      throw refusal("max_providers", "\(count) providers, at most \(bounds.providers) are let through")
    }
  }

  public func check(providerType type: String) throws(PolicyRefusal) {
    guard providerTypes.allows(type) else {
      throw refusal("provider_types", "the type \(type) is not allowed")
    }
  }

  /// Whether a secret may be delivered under `name` as an environment variable.
  public func check(environmentName name: String) throws(PolicyRefusal) {
    if DangerousName.contains(name), !dangerousNames.allows(name) {
      throw refusal("dangerous_names", "\(name) changes how a process loads code")
    }
  }

  /// Whether authentication may read the agent's variable `name`.
  public func check(credentialVariable name: String) throws(PolicyRefusal) {
    guard environment.allows(name) else {
      throw refusal("environment", "the variable \(name) may not be read")
    }
  }

  /// Whether authentication may ask the node's SPIFFE Workload API for a token for `audience`.
  public func check(spiffeAudience audience: String) throws(PolicyRefusal) {
    guard spiffeAudiences.allows(audience) else {
      throw refusal(
        "spiffe_audiences", "no SPIFFE token for the audience \(ShownText.clean(audience)) may be asked for")
    }
  }

  /// Whether authentication may read the file at `path`, as far as the path alone tells.
  public func check(credentialFile path: String) throws(PolicyRefusal) {
    if KernelFiles.contains(path) {
      throw refusal("credential_files", "\(ShownText.clean(path)) \(KernelFiles.reason)")
    }
    guard credentialFiles.contains(path) else {
      throw refusal("credential_files", "\(ShownText.clean(path)) lies outside the allowed folders")
    }
  }

  /// Whether the `file` provider may read the file at `path`, as far as the path alone tells.
  public func check(servedFile path: String) throws(PolicyRefusal) {
    guard fileRoots.contains(path) else {
      throw refusal("file_roots", "\(ShownText.clean(path)) lies outside the allowed folders")
    }
  }

  /// Whether an entry may read `path`, below `/v1/` of Vault's API.
  public func check(vaultPath path: String) throws(PolicyRefusal) {
    if VaultSystemPath.contains(path), !vaultPaths.allows(path) {
      throw refusal(
        "vault_paths",
        "\(ShownText.clean(path)) is a path of Vault itself, which answers with the agent's own credentials among others"
      )
    }
  }

  public func checkSkipVerify() throws(PolicyRefusal) {
    guard allowsSkipVerify else {
      throw refusal("skip_verify", "tls.skip_verify is not allowed")
    }
  }

  /// Whether an output may be written at `path`.
  public func check(output path: String) throws(PolicyRefusal) {
    guard outputRoots.contains(path) else {
      throw refusal("output_roots", "\(ShownText.clean(path)) is outside the output roots")
    }
  }

  func refusal(_ rule: String, _ reason: String) -> PolicyRefusal {
    PolicyRefusal(rule: rule, message: "\(reason) (rule `\(rule)` of \(origin))")
  }
}

extension NodePolicy.PathScope {
  /// Whether `path`, as written, lies beneath one of the folders. Symlinks are the opener's business.
  func contains(_ path: String) -> Bool {
    switch self {
    case .anywhere: true
    case .beneath: root(of: path) != nil
    }
  }

  /// The folder that `path` lies beneath, and the rest of the path.
  func root(of path: String) -> (root: String, rest: String)? {
    guard case .beneath(let roots) = self else {
      return nil
    }
    for root in roots where path.hasPrefix(root == "/" ? "/" : root + "/") {
      let rest = path.dropFirst(root == "/" ? 1 : root.count + 1)
      if !String(rest).pathSegments().contains("..") {
        return (root, String(rest))
      }
    }
    return nil
  }
}
