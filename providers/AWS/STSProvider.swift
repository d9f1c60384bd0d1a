import ExecutionModel
import ProviderKit

/// One connection to AWS STS: temporary credentials of roles.
public struct STSProvider {
  static let outputs = ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION", "EXPIRATION"]
}

/// What STS lets a session be called: `[\w+=,.@-]{2,64}`.
enum SessionName {
  static let standard = "secrets-agent"
}
