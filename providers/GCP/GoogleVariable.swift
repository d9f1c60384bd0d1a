import HTTPTransport
import JSONReader
import ProviderKit
import Text

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
  static let awsRegion = "AWS_REGION"
  static let awsDefaultRegion = "AWS_DEFAULT_REGION"
}

extension OpenConnection {
  /// The variable's text, for what is no credential: addresses, paths, names.
  func text(of variable: String) -> String? { services.environment.read(variable).text }

  /// A service's address, which a variable of the agent may change.
  func address(_ standard: String, unlessIn variable: String) throws(ProviderFailure) -> HTTPURL {
    do throws(URLFault) {
      return try HTTPURL(parsing: text(of: variable) ?? standard)
    } catch {
      throw failures.make(.denied, "the agent's variable \(variable) is not an address: \(error)")
    }
  }

  /// The address of a method of Google's, as `v1/NAME:access`.
  ///
  /// - Parameter ending: what is sent as it is, since the verb's colon must not be encoded.
  func method(
    _ path: String, _ ending: String, of service: HTTPURL, about reference: String? = nil
  ) throws(ProviderFailure) -> HTTPURL {
    let folder = service.appending(rawPath: path)
    guard let url = try? HTTPURL(parsing: folder.origin + folder.path + ending) else {
      throw failures.make(.malformed, "the name makes no address", reference: reference)
    }
    return url
  }
}

extension HTTPHeader {
  /// The project that a call counts on (https://cloud.google.com/docs/quotas/set-quota-project).
  static func quotaProject(_ project: String) -> HTTPHeader {
    HTTPHeader("x-goog-user-project", project)
  }
}
