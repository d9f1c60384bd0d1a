import SecretBytes

/// Where a credential comes from. Files and variables are read at each login, since they rotate.
public struct CredentialSource: Sendable, Hashable {
  public enum Origin: Sendable, Hashable {
    /// The credential itself: of the document, or brought by the caller.
    case bytes(SecretBytes)
    /// Absolute path of a file on the node.
    case file(String)
    /// Name of a variable of the agent.
    case variable(String)
  }

  public let origin: Origin
  /// Who names it, for messages: `auth.secret_id_file`.
  public let name: String

  public init(_ origin: Origin, named name: String) {
    self.origin = origin
    self.name = name
  }
}

/// A credential that documents give in one of three ways: literally, as `NAME_file`, or as `NAME_env`.
public struct CredentialField: Sendable {
  private let bytes: Field<SecretBytes>?
  private let text: Field<String>?
  private let file: Field<String>
  private let variable: Field<String>

  /// - Parameters:
  ///   - summary: what it is, as `the secret id`.
  ///   - isSecret: whether the literal itself is a credential, and not just half of one, as a role's id.
  ///   - isIdentity: whether it is another issuer's token.
  public init(_ name: String, _ summary: String, isSecret: Bool = true, isIdentity: Bool = false) {
    bytes = isSecret ? Field(name, .credential, "\(summary), literally") : nil
    text = isSecret ? nil : Field(name, .text, "\(summary), literally")
    file = Field("\(name)_file", isIdentity ? .identityFile : .file, "a file that holds \(summary); read at each login")
    variable = Field("\(name)_env", .environmentVariable, "a variable of the agent that holds \(summary)")
  }

  public var descriptors: [FieldDescriptor] {
    [bytes?.descriptor, text?.descriptor, file.descriptor, variable.descriptor].compactMap { $0 }
  }

  public var rule: FieldRule { .exactlyOne(descriptors.map(\.name)) }

  /// - Throws: where none of the three is given, which validation has told already.
  public func source(in values: FieldValues) throws(FieldFault) -> CredentialSource {
    if let literal = bytes.flatMap({ values[$0] }) ?? text.flatMap({ values[$0] }).map({ SecretBytes($0) }) {
      return CredentialSource(.bytes(literal), named: "auth.\(descriptors[0].name)")
    }
    if let path = values[file] {
      return CredentialSource(.file(path), named: "auth.\(file.path)")
    }
    return CredentialSource(.variable(try values.required(variable)), named: "auth.\(variable.path)")
  }
}

extension CredentialSource: FieldValue {
  /// Of a field of the kind `pem`: the text itself, or its file.
  public init?(_ value: FieldValues.Value) {
    switch value {
    case .credential(let bytes): self.init(.bytes(bytes), named: "PEM text")
    case .text(let path): self.init(.file(path), named: "PEM file")
    default: return nil
    }
  }

  public func named(_ name: String) -> CredentialSource { CredentialSource(origin, named: name) }
}
