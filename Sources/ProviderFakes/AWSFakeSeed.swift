import JSONReader
import SecretBytes

extension FakesSeed {
  /// What config/examples/aws.yaml reads.
  static let awsDemo = """
    {
      "access_keys": [{"id": "AKIAIOSFODNN7EXAMPLE", "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}],
      "secrets": [
        {"name": "shop/web/db", "value": {"username": "web", "password": "correct horse battery staple"}},
        {"name": "shop/web/signing-key", "binary": "AAECAwQFBgcICQ=="}],
      "parameters": [
        {"name": "/shop/web/smtp-password", "value": "it's a \\"demo\\" $ecret"},
        {"name": "/shop/web/flags", "value": "search,checkout", "type": "StringList"}],
      "roles": [{"arn": "arn:aws:iam::123456789012:role/uploads", "external_id": "shop"}]}
    """

  /// Puts what the seed says into `aws`.
  public func apply(to aws: AWSFake) throws {
    guard let seed = root.member("aws") else {
      return
    }
    for key in list(seed, "access_keys") {
      aws.addAccessKey(
        try text(key, "id"), secret: try text(key, "secret"), sessionToken: key.member("session_token")?.text,
        seconds: key.member("seconds")?.int64)
    }
    for role in list(seed, "roles") {
      aws.addRole(try text(role, "arn"), externalID: role.member("external_id")?.text)
    }
    for role in list(seed, "web_identity_roles") {
      aws.addWebIdentityRole(
        try text(role, "arn"), publicKeys: [try text(role, "public_key")], issuer: role.member("issuer")?.text,
        audience: role.member("audience")?.text, subject: role.member("subject")?.text)
    }
    for secret in list(seed, "secrets") {
      try put(secret, into: aws)
    }
    for parameter in list(seed, "parameters") {
      let name = try text(parameter, "name")
      for value in versions(parameter) {
        aws.putParameter(name, Self.words(value), type: parameter.member("type")?.text ?? "SecureString")
      }
    }
    if let role = seed.member("instance_role")?.text {
      aws.setInstanceRole(role)
    }
    if let container = seed.member("container") {
      aws.setContainerRole(path: try text(container, "path"), token: container.member("token")?.text)
    }
  }

  private func put(_ secret: JSONValue, into aws: AWSFake) throws {
    let name = try text(secret, "name")
    if let binary = secret.member("binary")?.secret {
      guard let bytes = Base64.decode(binary) else {
        throw FakeFault("seed: \(secret.position.line):\(secret.position.column): binary is not base64")
      }
      aws.putSecret(name, binary: bytes)
    }
    for value in versions(secret) {
      aws.putSecret(name, Self.words(value))
    }
  }

  private func versions(_ value: JSONValue) -> [JSONValue] {
    value.member("versions").map { Array($0.elements) } ?? [value.member("value")].compactMap { $0 }
  }

  /// A string's text; the JSON of anything else, as written.
  private static func words(_ value: JSONValue) -> String {
    value.text ?? value.sourceText.unsafeString() ?? ""
  }
}
