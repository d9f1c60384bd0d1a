import AWSSigning
import ExecutionModel
import ProviderKit
import SecretBytes

/// The credentials of a profile of AWS's shared files, with all that a profile may lean on: other profiles, roles, commands.
struct ProfileCredentials: Sendable {
  /// Roles that lead to roles: more than this is no set-up that anyone meant.
  static let longestChain = 8

  let context: CredentialContext
  let sts: STSCall

  /// The profile that is named, or `default`.
  func find() async throws(ProviderFailure) -> SourceOutcome {
    let shared = try SharedConfiguration.load(context)
    let name = context.profileName
    let shown = DocumentPath.shown(name)
    guard let profile = shared.profiles[name] else {
      let reason = (["there is no profile \(shown)"] + shared.remarks).joined(separator: ", ")
      guard context.namedProfile == nil else {
        throw context.failures.make(.denied, reason, hint: "check the profile's name and the shared files")
      }
      return .nothing(reason)
    }
    let resolver = ProfileResolver(context: context, sts: sts, shared: shared)
    let resolved =
      profile.hasRole
      ? try await resolver.role(name, profile, visited: [name]) : try await resolver.own(name, profile)
    guard let resolved else {
      return .nothing("profile \(shown) has no credentials")
    }
    return .found(resolved)
  }

  /// The method `profile`, for which nothing is a failure.
  func given() async throws(ProviderFailure) -> ResolvedCredentials {
    switch try await find() {
    case .found(let resolved): return resolved
    case .nothing(let reason): throw context.failures.make(.denied, reason)
    }
  }
}

/// Goes through the profiles of one reading of the files.
private struct ProfileResolver {
  let context: CredentialContext
  let sts: STSCall
  let shared: SharedConfiguration

  private func fault(_ profile: String, _ message: String, hint: String? = nil) -> ProviderFailure {
    context.failures.make(.denied, "profile \(DocumentPath.shown(profile)): \(message)", hint: hint)
  }

  // MARK: - A role by way of another identity

  func role(
    _ name: String, _ profile: SharedConfiguration.Profile, visited: [String]
  ) async throws(ProviderFailure) -> ResolvedCredentials {
    guard let arn = profile.text("role_arn"), !arn.isEmpty else {
      throw fault(name, "role_arn is empty")
    }
    guard !profile.has("mfa_serial") else {
      throw fault(
        name, "mfa_serial asks for a code that only a person can give",
        hint: "use a role that a service may take without MFA")
    }
    let duration = try duration(name, profile)
    let identity: ResolvedCredentials
    switch (profile.text("source_profile"), profile.text("credential_source")) {
    case (.some, .some): throw fault(name, "source_profile and credential_source exclude each other")
    case (nil, nil): throw fault(name, "role_arn needs source_profile or credential_source")
    case (nil, .some(let source)): identity = try await credentialSource(source, name)
    case (.some(let source), nil): identity = try await sourceProfile(source, name, visited)
    }
    let credentials = try await sts.assumeRole(
      roleARN: arn, sessionName: profile.text("role_session_name"), externalID: profile.text("external_id"),
      durationSeconds: duration, with: identity)
    return ResolvedCredentials(
      credentials: credentials,
      source: "role \(DocumentPath.shown(arn, atMost: 200)) of profile \(DocumentPath.shown(name))")
  }

  private func duration(
    _ name: String, _ profile: SharedConfiguration.Profile
  ) throws(ProviderFailure) -> Int64? {
    guard let text = profile.text("duration_seconds") else {
      return nil
    }
    guard let seconds = Int64(text), (900...43_200).contains(seconds) else {
      throw fault(name, "duration_seconds is not a number from 900 to 43200")
    }
    return seconds
  }

  private func credentialSource(_ source: String, _ name: String) async throws(ProviderFailure) -> ResolvedCredentials {
    let outcome: SourceOutcome
    switch source.lowercased() {
    case "environment": outcome = try EnvironmentKeys(context: context).find()
    case "ecscontainer": outcome = try await ContainerEndpoint(context: context).find()
    case "ec2instancemetadata": outcome = try await InstanceMetadata(context: context).find()
    default:
      throw fault(
        name, "credential_source \(DocumentPath.shown(source)) is not known",
        hint: "use Environment, EcsContainer or Ec2InstanceMetadata")
    }
    switch outcome {
    case .found(let resolved): return resolved
    case .nothing(let reason):
      throw fault(name, "credential_source \(DocumentPath.shown(source)) gave nothing: \(reason)")
    }
  }

  private func sourceProfile(
    _ source: String, _ name: String, _ visited: [String]
  ) async throws(ProviderFailure) -> ResolvedCredentials {
    guard let profile = shared.profiles[source] else {
      throw fault(name, "its source_profile \(DocumentPath.shown(source)) does not exist")
    }
    // A profile may be its own source, for the keys that stand beside its role.
    guard !visited.contains(source) || (source == name && profile.hasKeys) else {
      let way = (visited + [source]).map { DocumentPath.shown($0) }.joined(separator: " → ")
      throw fault(name, "its source_profile leads in a circle: \(way)")
    }
    guard visited.count < ProfileCredentials.longestChain else {
      throw fault(name, "more than \(ProfileCredentials.longestChain) profiles lead to each other")
    }
    if profile.hasRole, !profile.hasKeys {
      return try await role(source, profile, visited: visited + [source])
    }
    guard let resolved = try await own(source, profile) else {
      throw fault(source, "it has no credentials, though profile \(DocumentPath.shown(name)) has it as its source")
    }
    return resolved
  }

  // MARK: - What a profile has itself

  func own(
    _ name: String, _ profile: SharedConfiguration.Profile
  ) async throws(ProviderFailure) -> ResolvedCredentials? {
    if let file = profile.text("web_identity_token_file"), !file.isEmpty {
      guard let arn = profile.text("role_arn") else {
        throw fault(name, "web_identity_token_file needs role_arn")
      }
      return try await WebIdentity(context: context, sts: sts).take(
        role: arn, sessionName: profile.text("role_session_name"), file: file,
        what: "web_identity_token_file of profile \(DocumentPath.shown(name))")
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
    if let command = profile.text("credential_process") {
      return try await CredentialProcess(context: context).resolve(command, profile: name)
    }
    return try keys(name, profile.config)
  }

  /// The keys that one file gives.
  private func keys(
    _ name: String, _ values: [String: SecretBytes]
  ) throws(ProviderFailure) -> ResolvedCredentials? {
    guard let accessKeyID = values["aws_access_key_id"]?.unsafeString() else {
      return nil
    }
    guard !accessKeyID.isEmpty, let secret = values["aws_secret_access_key"], !secret.isEmpty else {
      throw fault(name, "aws_access_key_id and aws_secret_access_key belong together, in one file")
    }
    let token = values["aws_session_token"] ?? values["aws_security_token"]
    return ResolvedCredentials(
      credentials: AWSCredentials(
        accessKeyID: accessKeyID, secretAccessKey: secret.detached(),
        sessionToken: token.flatMap { $0.isEmpty ? nil : $0.detached() }),
      source: "profile \(DocumentPath.shown(name))")
  }
}
