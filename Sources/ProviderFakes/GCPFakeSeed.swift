import JSONReader

extension FakesSeed {
  /// Puts what the seed's `gcp` says into `gcp`.
  ///
  /// - Parameter folder: where the key files of the seed's accounts are written, as `ACCOUNT.json`; `nil`: accounts get no key.
  /// - Returns: the paths of those files.
  @discardableResult
  public func apply(to gcp: GCPFake, folder: String?) throws -> [String] {
    guard let seed = root.member("gcp") else {
      return []
    }
    var files: [String] = []
    for account in list(seed, "accounts") {
      let email = try text(account, "email")
      gcp.addServiceAccount(email)
      for creator in list(account, "token_creators") {
        gcp.allow(creator.text ?? "", toActAs: email)
      }
      if let folder, account.member("key")?.boolean ?? false {
        let path = "\(folder)/\(email).json"
        try FakeCertificate.write(gcp.addKey(try JWTKey(.rs256), to: email), to: path)
        files.append(path)
      }
    }
    for user in list(seed, "users") {
      gcp.addUser(
        try text(user, "email"), refreshToken: try text(user, "refresh_token"), clientID: try text(user, "client_id"),
        clientSecret: try text(user, "client_secret"))
    }
    for pool in list(seed, "pools") {
      gcp.addPool(
        GCPIdentityPool(
          audience: try text(pool, "audience"), issuer: try text(pool, "issuer"),
          allowedAudiences: list(pool, "allowed_audiences").compactMap(\.text),
          publicKeys: [try text(pool, "public_key")]))
    }
    if let account = seed.member("machine_account")?.text {
      gcp.assignMachineAccount(account)
    }
    for secret in list(seed, "secrets") {
      let name = try text(secret, "name")
      let values = secret.member("versions").map { Array($0.elements) } ?? [secret.member("value")].compactMap { $0 }
      for value in values {
        gcp.put(
          name, value.text ?? "", project: secret.member("project")?.text ?? GCPFake.project,
          location: secret.member("location")?.text)
      }
      for alias in secret.member("aliases").map({ Array($0.members) }) ?? [] {
        gcp.setAlias(alias.name.text ?? "", of: name, to: Int(alias.value.int64 ?? 0))
      }
    }
    return files
  }
}
