import ExecutionModel
import HTTPTransport
import NodePolicy
import Synchronization
import Text

/// The node's credentials that a connection has taken up, and the addresses that it is known to send to: each of the ones is held
/// against each of the others by the node's credential rules, whichever is known first.
final class CredentialBinding: Sendable {
  private struct State {
    /// As far as any rule names them.
    var credentials: [NodeCredential] = []
    /// By their origins.
    var addresses: [HTTPURL] = []
  }

  private let state = Mutex(State())

  var credentials: [NodeCredential] { state.withLock { $0.credentials } }
  var addresses: [HTTPURL] { state.withLock { $0.addresses } }

  func add(_ credential: NodeCredential) {
    state.withLock { state in
      if !state.credentials.contains(credential) {
        state.credentials.append(credential)
      }
    }
  }

  func add(_ url: HTTPURL) {
    state.withLock { state in
      if !state.addresses.contains(where: { $0.origin == url.origin }) {
        state.addresses.append(url)
      }
    }
  }
}

extension OpenConnection {
  /// Says, before anything is taken up, that what the login gets is going to be sent to `url`.
  public func expects(_ url: HTTPURL) {
    if bindsCredentials {
      binding.add(url)
    }
  }

  /// Says that the connection's login, or what it gets, is going to be sent to `url`. Whoever knows it before the login does not let
  /// that begin in vain: a credential that may not go there is not even read.
  ///
  /// - Throws: where a credential that was taken up may not go there.
  public func leads(to url: HTTPURL) throws(ProviderFailure) {
    try checkCredentials(sentTo: url)
    expects(url)
  }

  /// Says that the login uses `credential`: from now on nothing is sent where the node's rules do not let it go.
  ///
  /// - Throws: where an address that the connection leads to is none of those.
  public func takeUp(_ credential: NodeCredential) throws(ProviderFailure) {
    guard bindsCredentials, services.policy.binds(credential) else {
      return
    }
    for url in binding.addresses {
      try check(credential, sentTo: url)
    }
    binding.add(credential)
  }

  /// Takes up what the login of another connection, which this one shares, took up.
  func takeUp(sharedBy other: OpenConnection) throws(ProviderFailure) {
    guard other !== self else {
      return
    }
    for credential in other.binding.credentials {
      try takeUp(credential)
    }
  }

  /// Whether all that was taken up may be sent to `url`.
  func checkCredentials(sentTo url: HTTPURL) throws(ProviderFailure) {
    for credential in binding.credentials {
      try check(credential, sentTo: url)
    }
  }

  /// Whether the node's owner has credential rules at all.
  public var bindsCredentials: Bool { !services.policy.credentialRules.isEmpty }

  private func check(_ credential: NodeCredential, sentTo url: HTTPURL) throws(ProviderFailure) {
    do throws(PolicyRefusal) {
      if let rule = try services.policy.check(credential, sentTo: url) {
        services.decisions?.note(
          CredentialDecision(connection: name, credential: credential, address: url, rule: rule.key, refusal: nil))
      }
    } catch {
      services.decisions?.note(
        CredentialDecision(connection: name, credential: credential, address: url, rule: error.rule, refusal: error))
      throw failures.refused(error)
    }
  }
}
