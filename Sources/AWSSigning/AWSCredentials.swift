import SecretBytes

/// A key pair of AWS, as IAM or STS gave it.
public struct AWSCredentials: Sendable {
  /// Names the key; AWS itself shows it in logs and errors, so it is no secret.
  public let accessKeyID: String
  public let secretAccessKey: SecretBytes
  /// Goes along with temporary credentials.
  public let sessionToken: SecretBytes?
  /// When they end, in seconds of wall time since 1970; `nil`: not by time.
  public let expiresAt: Int64?

  public init(
    accessKeyID: String, secretAccessKey: SecretBytes, sessionToken: SecretBytes? = nil, expiresAt: Int64? = nil
  ) {
    self.accessKeyID = accessKeyID
    self.secretAccessKey = secretAccessKey
    self.sessionToken = sessionToken
    self.expiresAt = expiresAt
  }
}
