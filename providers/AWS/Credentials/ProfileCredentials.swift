import AWSSigning
import ExecutionModel
import ProviderKit
import SecretBytes
import Text

extension CredentialSearch {
  /// The credentials of the profile that is named, or of `default`, with all that a profile may lean on: other profiles, roles,
  /// commands.
  func profile() async throws(ProviderFailure) -> SourceOutcome {
    let shared = try SharedConfiguration.load(context)
    let name = context.profileName
    let shown = ShownText.clean(name)
    guard let profile = shared.profiles[name] else {
      let reason = (["there is no profile \(shown)"] + shared.remarks).joined(separator: ", ")
      // The default chain looks here whether or not anybody has a profile in mind.
      let isMeant = if case .profile = context.settings.login { true } else { context.namedProfile != nil }
      let kind = isMeant && shared.isRefused ? ProviderFailure.Class.policy : .denied
      guard context.namedProfile == nil else {
        throw context.connection.failures.make(kind, reason, hint: "check the profile's name and the shared files")
      }
      return .nothing(reason, kind: kind, isPlain: !shared.hasFile)
    }
    let resolver = ProfileResolver(search: self, profiles: shared.profiles, files: shared.files)
    let resolved =
      profile.hasRole
      ? try await resolver.role(name, profile, visited: [name]) : try await resolver.own(name, profile)
    return resolved.map { .found($0) } ?? .nothing("profile \(shown) has no credentials")
  }
}

/// Goes through the profiles of one reading of the files.
private struct ProfileResolver {
  /// Roles that lead to roles: more than this is no set-up that anyone meant.
  private static let longestChain = 8

  let search: CredentialSearch
  let profiles: [String: SharedConfiguration.Profile]
  /// Where they stand.
  let files: [String]

  /// Says that the login uses what `profile` has, before anything is done with it.
  private func takeUp(_ profile: String) throws(ProviderFailure) {
    let connection = search.context.connection
    try connection.takeUp(.profile(profile))
    for file in files {
      try connection.takeUp(.file(file))
    }
  }

  private func fault(_ profile: String, _ message: String, hint: String? = nil) -> ProviderFailure {
    search.context.denied("profile \(ShownText.clean(profile)): \(message)", hint: hint)
  }

  // MARK: - A role by way of another identity

  func role(
    _ name: String, _ profile: SharedConfiguration.Profile, visited: [String]
  ) async throws(ProviderFailure) -> ResolvedCredentials {
    guard let arn = profile["role_arn"], !arn.isEmpty else {
      throw fault(name, "role_arn is empty")
    }
    guard !profile.has("mfa_serial") else {
      throw fault(
        name, "mfa_serial asks for a code that only a person can give",
        hint: "use a role that a service may take without MFA")
    }
    let seconds = profile["duration_seconds"]
    let role = TokenService.Role(
      arn: arn, sessionName: profile["role_session_name"], externalID: profile["external_id"],
      seconds: seconds.flatMap { Int64($0) })
    guard seconds == nil || role.seconds.map({ (900...43_200).contains($0) }) == true else {
      throw fault(name, "duration_seconds is not a number from 900 to 43200")
    }
    try search.context.connection.takeUp(.profile(name))
    try search.tokens.service.leads()
    let identity: ResolvedCredentials
    switch (profile["source_profile"], profile["credential_source"]) {
    case (.some, .some): throw fault(name, "source_profile and credential_source exclude each other")
    case (nil, nil): throw fault(name, "role_arn needs source_profile or credential_source")
    case (nil, .some(let source)): identity = try await credentialSource(source, name)
    case (.some(let source), nil): identity = try await sourceProfile(source, name, visited)
    }
    return ResolvedCredentials(
      credentials: try await search.tokens.credentials(of: role, by: .keys(identity.credentials)),
      source: "role \(role.shown) of profile \(ShownText.clean(name))")
  }

  private func credentialSource(_ source: String, _ name: String) async throws(ProviderFailure) -> ResolvedCredentials {
    let outcome: SourceOutcome
    switch source.lowercased() {
    case "environment": outcome = try search.environmentKeys()
    case "ecscontainer": outcome = try await search.container()
    case "ec2instancemetadata": outcome = try await search.instanceRole(isExpected: true)
    default:
      throw fault(
        name, "credential_source \(ShownText.clean(source)) is not known",
        hint: "use Environment, EcsContainer or Ec2InstanceMetadata")
    }
    switch outcome {
    case .found(let resolved): return resolved
    case .nothing(let reason, _, _, _):
      throw fault(name, "credential_source \(ShownText.clean(source)) gave nothing: \(reason)")
    }
  }

  private func sourceProfile(
    _ source: String, _ name: String, _ visited: [String]
  ) async throws(ProviderFailure) -> ResolvedCredentials {
    guard let profile = profiles[source] else {
      throw fault(name, "its source_profile \(ShownText.clean(source)) does not exist")
    }
    // A profile may be its own source, for the keys that stand beside its role.
    guard !visited.contains(source) || (source == name && profile.hasKeys) else {
      let way = (visited + [source]).map { ShownText.clean($0) }.joined(separator: " → ")
      throw fault(name, "its source_profile leads in a circle: \(way)")
    }
    guard visited.count < Self.longestChain else {
      throw fault(name, "more than \(Self.longestChain) profiles lead to each other")
    }
    if profile.hasRole, !profile.hasKeys {
      return try await role(source, profile, visited: visited + [source])
    }
    guard let resolved = try await own(source, profile) else {
      throw fault(source, "it has no credentials, though profile \(ShownText.clean(name)) has it as its source")
    }
    return resolved
  }

  // MARK: - What a profile has itself

  func own(
    _ name: String, _ profile: SharedConfiguration.Profile
  ) async throws(ProviderFailure) -> ResolvedCredentials? {
    if let file = profile["web_identity_token_file"], !file.isEmpty {
      guard let arn = profile["role_arn"] else {
        throw fault(name, "web_identity_token_file needs role_arn")
      }
      try search.context.connection.takeUp(.profile(name))
      return try await search.webIdentity(
        TokenService.Role(arn: arn, sessionName: profile["role_session_name"]),
        .given(CredentialSource(.file(file), named: "web_identity_token_file of profile \(ShownText.clean(name))")))
    }
    if profile.has("sso_account_id") || profile.has("sso_role_name") {
      throw fault(
        name, "it logs in by IAM Identity Center (sso_…), which needs a person at a browser",
        hint: "use a role, keys or a workload identity")
    }
    if let keys = try keys(name, profile.credentials) {
      return keys
    }
    if profile.has("login_session") {
      throw fault(name, "login_session needs a person at a browser", hint: "use a role, keys or a workload identity")
    }
    if let command = profile["credential_process"] {
      try takeUp(name)
      return try await CredentialProcess(context: search.context).resolve(command, profile: name)
    }
    return try keys(name, profile.config)
  }

  /// The keys that one file gives.
  private func keys(
    _ name: String, _ values: [String: SecretBytes]
  ) throws(ProviderFailure) -> ResolvedCredentials? {
    guard values["aws_access_key_id"] != nil || values["aws_secret_access_key"] != nil else {
      return nil
    }
    guard let accessKeyID = values["aws_access_key_id"]?.unsafeString(), !accessKeyID.isEmpty,
      let secret = values["aws_secret_access_key"], !secret.isEmpty
    else {
      throw fault(name, "aws_access_key_id and aws_secret_access_key belong together, in one file")
    }
    try takeUp(name)
    let token = values["aws_session_token"] ?? values["aws_security_token"]
    return ResolvedCredentials(
      credentials: AWSCredentials(
        accessKeyID: accessKeyID, secretAccessKey: secret.detached(),
        sessionToken: token.flatMap { $0.isEmpty ? nil : $0.detached() }),
      source: "profile \(ShownText.clean(name))")
  }
}
