import HTTPTransport
import JSONReader

/// An error of a service as it was answered: its code without the parts that services write about it, and its words.
struct AWSError: Sendable {
  /// As `AccessDenied`, without `Exception` at the end; `nil` where the answer names none.
  let code: String?
  /// The service's own words, uncleaned.
  let message: String?

  /// What kind of error it is, which decides the reaction.
  enum Kind: Sendable, Equatable {
    case throttled
    /// A fault of the service, which may pass.
    case transient
    /// The credentials are not, or no longer, good.
    case credentials
    /// The signature is not what the service computed: a wrong secret key, or a clock that is off.
    case signature
    case denied
    /// The key that the value is encrypted with cannot be used.
    case decryption
    case missing
    case other
  }

  init(code: String?, message: String?) {
    self.code = code.map(Self.bare)
    self.message = message
  }

  /// Of a JSON service (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization).
  init(_ response: HTTPResponse) {
    let body = try? JSONValue.parse(response.body, limits: .payload)
    self.init(
      code: response.headers.first("x-amzn-ErrorType") ?? body?.member("__type")?.text ?? body?.member("code")?.text,
      message: body?.member("message")?.text ?? body?.member("Message")?.text)
  }

  /// Namespaces stand before a `#`, addresses behind a `:`.
  private static func bare(_ code: String) -> String {
    let name = code.split(separator: ":").first?.split(separator: "#").last.map(String.init) ?? ""
    return name.hasSuffix("Exception") ? String(name.dropLast("Exception".count)) : name
  }

  /// Throttling comes as 400 too, so the code counts before the status. The codes are those that the SDKs know
  /// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
  func kind(status: Int) -> Kind {
    if let kind = code.flatMap({ Self.kinds[$0] }) {
      return kind
    }
    switch status {
    case 429: return .throttled
    case 500...599: return .transient
    case 401, 403: return .denied
    default: return .other
    }
  }

  /// Whether the service says that the action itself, or the resource, is not allowed; not that the credentials are bad.
  var isAccessDenied: Bool { code.flatMap { Self.kinds[$0] } == .denied }

  /// KMS's refusals come as the service's own; only the words tell them.
  var speaksOfKeys: Bool {
    guard let message else {
      return false
    }
    return ["KMS", "kms:", "ciphertext", "customer master key"].contains { message.contains($0) }
  }

  private static let kinds: [String: Kind] = {
    var kinds: [String: Kind] = [:]
    let codes: [(Kind, [String])] = [
      (
        .throttled,
        [
          "Throttling", "Throttled", "ThrottledException", "RequestThrottled", "TooManyRequests",
          "RequestLimitExceeded",
          "BandwidthLimitExceeded", "PriorRequestNotComplete", "ProvisionedThroughputExceeded", "TransactionInProgress",
          "SlowDown", "EC2Throttled",
        ]
      ),
      (
        .transient,
        [
          "InternalServiceError", "InternalFailure", "InternalServerError", "InternalError", "ServiceUnavailable",
          "RequestTimeout", "IDPCommunicationError",
        ]
      ),
      (
        .credentials,
        [
          "UnrecognizedClient", "InvalidClientTokenId", "InvalidAccessKeyId", "ExpiredToken", "InvalidToken",
          "TokenRefreshRequired", "MissingAuthenticationToken", "RequestExpired",
        ]
      ),
      (
        .signature,
        ["InvalidSignature", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "IncompleteSignature", "AuthFailure"]
      ),
      (.denied, ["AccessDenied", "UnauthorizedOperation", "NotAuthorized", "OptInRequired", "RegionDisabled"]),
      (.decryption, ["DecryptionFailure", "InvalidKeyId", "KMSAccessDenied", "KMSDisabled", "KMSInvalidState"]),
      (.missing, ["ResourceNotFound", "ParameterNotFound", "ParameterVersionNotFound", "NoSuchEntity"]),
    ]
    for (kind, names) in codes {
      for name in names {
        kinds[name] = kind
      }
    }
    return kinds
  }()
}
