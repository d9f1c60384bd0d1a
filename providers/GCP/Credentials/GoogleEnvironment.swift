import NodePolicy
import ProviderKit
import SecretBytes

/// The variables that Google's libraries and gcloud read (https://cloud.google.com/docs/authentication/application-default-credentials,
/// https://cloud.google.com/sdk/docs/properties#setting_properties_via_environment_variables), and those of AWS that its
/// external accounts use.
enum GoogleVariable {
  static let credentials = "GOOGLE_APPLICATION_CREDENTIALS"
  static let quotaProject = "GOOGLE_CLOUD_QUOTA_PROJECT"
  static let gcloudFolder = "CLOUDSDK_CONFIG"
  static let home = "HOME"
  static let metadataHost = "GCE_METADATA_HOST"
  static let metadataAddress = "GCE_METADATA_IP"
  static let noMetadata = "NO_GCE_CHECK"
  static let secretManagerEndpoint = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"
  static let iamCredentialsEndpoint = "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"
  static let awsAccessKeyID = "AWS_ACCESS_KEY_ID"
  static let awsSecretAccessKey = "AWS_SECRET_ACCESS_KEY"
  static let awsSessionToken = "AWS_SESSION_TOKEN"
  static let awsRegions = ["AWS_REGION", "AWS_DEFAULT_REGION"]
}

/// Those variables, as far as the node policy lets authentication read them.
struct GoogleEnvironment: Sendable {
  let environment: NodeEnvironment

  /// The variable's bytes without white space around them; `nil` where it is not set, or may not be read.
  func secret(_ name: String) -> SecretBytes? {
    guard let value = try? environment.credential(name)?.trimmed, !value.isEmpty else {
      return nil
    }
    return value
  }

  /// The variable's text, for what is no credential: addresses, paths, names.
  func text(_ name: String) -> String? {
    secret(name)?.unsafeString()
  }

  /// Why ``text(_:)`` has nothing to give, as `HOME is not set`.
  func absence(_ name: String) -> String {
    do throws(PolicyRefusal) {
      _ = try environment.credential(name)
      return "\(name) is not set"
    } catch {
      return error.message
    }
  }
}
