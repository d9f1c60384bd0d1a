import ExecutionModel
import NodePolicy
import SecretBytes
import Text

/// Credentials from where documents and the clouds' conventions name them, as far as the node policy lets authentication read.
extension OpenConnection {
  /// The credential without white space around it; never empty, always text.
  public func credential(_ source: CredentialSource) throws(ProviderFailure) -> SecretBytes {
    switch source.origin {
    case .bytes(let bytes):
      withhold(bytes)
      return bytes
    case .file(let path): return try credentialFile(path, named: source.name)
    case .variable(let variable): return try credentialVariable(variable, named: source.name)
    }
  }

  /// The PEM text given, or the content of the file named.
  public func pem(_ source: CredentialSource) throws(ProviderFailure) -> SecretBytes {
    guard case .file(let path) = source.origin else {
      return try credential(source)
    }
    let content = try content(ofCredentialFile: path, named: source.name)
    // libcurl would name neither the file nor the field.
    guard content.holdsPEM else {
      let block = source.name.hasSuffix("_key") ? "PRIVATE KEY" : "CERTIFICATE"
      throw failures.make(
        .malformed, "\(source.name): \(ShownText.clean(path)) is no PEM file",
        hint: "it has to hold -----BEGIN \(block)-----")
    }
    return content
  }

  /// The file's text without white space around it.
  ///
  /// - Parameter name: who names the file, as `auth.token_file`.
  public func credentialFile(_ path: String, named name: String) throws(ProviderFailure) -> SecretBytes {
    let credential = try content(ofCredentialFile: path, named: name).trimmed
    guard !credential.isEmpty, credential.isValidUTF8 else {
      let fault = credential.isEmpty ? "is empty" : "is not text"
      throw failures.make(.denied, "\(name): \(ShownText.clean(path)) \(fault)")
    }
    withhold(credential)
    return credential
  }

  /// The file's content, byte for byte.
  public func content(ofCredentialFile path: String, named name: String) throws(ProviderFailure) -> SecretBytes {
    try takeUp(.file(path))
    do throws(NodeFileFault) {
      return try services.files.credential(path)
    } catch {
      throw failures.file(error, name)
    }
  }

  /// The variable's text without white space around it.
  ///
  /// - Parameter name: who names the variable, as `auth.token_env`; `nil`: nobody but the cloud's conventions.
  public func credentialVariable(
    _ variable: String, named name: String? = nil
  ) throws(ProviderFailure) -> SecretBytes {
    switch services.environment.read(variable) {
    case .value(let value):
      try takeUp(.variable(variable))
      withhold(value)
      return value
    case .refused(let refusal): throw failures.refused(refusal)
    case .unset:
      throw failures.make(
        .denied, "\(name.map { "\($0): " } ?? "")the variable \(variable) is not set, or empty")
    }
  }

  /// The same where it may be missing.
  ///
  /// - Throws: where the policy does not let it be read.
  public func credentialVariable(ifSet variable: String) throws(ProviderFailure) -> SecretBytes? {
    switch services.environment.read(variable) {
    case .value(let value):
      try takeUp(.variable(variable))
      withhold(value)
      return value
    case .refused(let refusal): throw failures.refused(refusal)
    case .unset: return nil
    }
  }

  /// Whether the policy lets the credential be read, and sent where the connection leads; reads nothing.
  public func check(_ source: CredentialSource) throws(ProviderFailure) {
    try allowed { policy throws(PolicyRefusal) in
      switch source.origin {
      case .bytes: return
      case .file(let path): try policy.check(credentialFile: path)
      case .variable(let variable): try policy.check(credentialVariable: variable)
      }
    }
    switch source.origin {
    case .bytes: return
    case .file(let path): try takeUp(.file(path))
    case .variable(let variable): try takeUp(.variable(variable))
    }
  }
}

extension SecretBytes {
  /// Whether a block of RFC 7468 begins in it.
  fileprivate var holdsPEM: Bool {
    let beginning = Array("-----BEGIN ".utf8)
    return withUnsafeBytes { bytes in
      bytes.indices.contains { start in
        bytes[start] == beginning[0] && bytes[start...].starts(with: beginning)
      }
    }
  }
}
