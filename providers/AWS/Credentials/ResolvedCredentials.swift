import AWSSigning

/// Credentials with a word on where they came from.
struct ResolvedCredentials: Sendable {
  let credentials: AWSCredentials
  /// For reports and hints, as `environment` or `instance metadata role web`; no credential.
  let source: String
}
