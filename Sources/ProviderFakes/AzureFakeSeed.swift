import JSONReader

extension FakesSeed {
  /// Puts what the seed's `azure` says into `azure`.
  public func apply(to azure: AzureFake) throws {
    guard let seed = root.member("azure") else {
      return
    }
    for client in list(seed, "clients") {
      azure.addClient(
        try text(client, "client_id"), secret: try text(client, "client_secret"),
        tenant: client.member("tenant_id")?.text ?? AzureFake.tenant)
    }
    for federation in list(seed, "federations") {
      azure.addFederation(
        client: try text(federation, "client_id"),
        AzureFederation(
          issuer: try text(federation, "issuer"), subject: try text(federation, "subject"),
          audience: federation.member("audience")?.text ?? "api://AzureADTokenExchange",
          publicKeys: [try text(federation, "public_key")]),
        tenant: federation.member("tenant_id")?.text ?? AzureFake.tenant)
    }
    if let identity = seed.member("system_identity")?.text {
      azure.assignSystemIdentity(identity)
    }
    for identity in list(seed, "user_identities") {
      azure.assignUserIdentity(identity.text ?? "")
    }
    for secret in list(seed, "secrets") {
      let values = secret.member("versions").map { Array($0.elements) } ?? [secret.member("value")].compactMap { $0 }
      let state = AzureSecretState(
        isEnabled: secret.member("enabled")?.boolean ?? true,
        notBefore: secret.member("not_before")?.int64.map { Int($0) },
        expires: secret.member("expires")?.int64.map { Int($0) }, contentType: secret.member("content_type")?.text)
      for value in values {
        azure.put(try text(secret, "name"), value.text ?? "", state)
      }
    }
  }
}
