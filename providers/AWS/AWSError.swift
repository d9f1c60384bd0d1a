import HTTPTransport
import JSONReader
import ProviderKit

/// An error of a service as it was answered.
struct AWSError: Sendable {
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

  /// As the service wrote it: `com.amazonaws.ssm#ThrottlingException:http://internal/`.
  let name: String?
  /// The name's heart, without `Exception` at its end; `nil` where the answer names none.
  let code: String?
  /// The service's own words, uncleaned.
  let message: String?
  let kind: Kind

  /// Throttling comes as 400 too, so the code counts before the status.
  init(name: String?, message: String?, status: Int = 400) {
    self.message = message
    // Namespaces stand before a `#`, addresses behind a `:`.
    let bare = name?.split(separator: ":").first?.split(separator: "#").last
    code = bare.map { String($0.hasSuffix("Exception") ? $0.dropLast("Exception".count) : $0) }
    self.name = code == nil ? nil : name
    kind = code.flatMap { Self.kinds[$0] } ?? Self.kind(of: status)
  }

  /// Of a JSON service (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization), or of the
  /// query protocol. Gateways give their refusals a header or a member `code` of such names: they are asked again later for it, and
  /// deny nothing.
  init(_ response: HTTPResponse) {
    let json = try? JSONValue.parse(response.body, limits: .payload)
    let xml = json == nil ? try? XMLLeaves(response.body) : nil
    func leaf(_ name: String) -> String? {
      (xml?.leaf("Error", name) ?? xml?.leaf("Errors", "Error", name))?.unsafeString()
    }
    let message = json?.member("message")?.text ?? json?.member("Message")?.text ?? leaf("Message")
    if let own = json?.member("__type")?.text ?? leaf("Code") {
      self.init(name: own, message: message, status: response.status)
      return
    }
    let other = Self(
      name: response.headers.first("x-amzn-ErrorType") ?? json?.member("code")?.text, message: message,
      status: response.status)
    let isPassing = other.kind == .throttled || other.kind == .transient
    self = isPassing ? other : Self(name: nil, message: message, status: response.status)
  }

  /// Whose answer it is: every error of a service has a code.
  var source: ProviderFailure.Source { code == nil ? .stranger : .service }

  /// Without a code the answer is not a service's, and denies nothing.
  private static func kind(of status: Int) -> Kind {
    switch status {
    case 429: .throttled
    case 500...599: .transient
    default: .other
    }
  }

  /// Whether it may be the time at which the request was signed that is refused.
  var mayBeOfTime: Bool { kind == .signature || code == "RequestExpired" || code == "RequestInTheFuture" }

  /// Whether the service says that the action itself, or the resource, is not allowed; not just its status.
  var isAccessDenied: Bool { code.flatMap { Self.kinds[$0] } == .denied && !speaksOfKeys }

  /// KMS's refusals come as the service's own; only the words tell them.
  var speaksOfKeys: Bool {
    ["KMS", "kms:", "ciphertext", "customer master key"].contains { message?.contains($0) == true }
  }

  /// The codes that the SDKs know (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
  private static let kinds: [String: Kind] = {
    let codes: [Kind: String] = [
      .throttled: """
      Throttling Throttled RequestThrottled TooManyRequests RequestLimitExceeded BandwidthLimitExceeded \
      PriorRequestNotComplete ProvisionedThroughputExceeded TransactionInProgress SlowDown EC2Throttled
      """,
      .transient: """
      InternalServiceError InternalFailure InternalServerError InternalError ServiceUnavailable RequestTimeout \
      IDPCommunicationError
      """,
      .credentials: """
      UnrecognizedClient InvalidClientTokenId InvalidAccessKeyId ExpiredToken InvalidToken TokenRefreshRequired \
      MissingAuthenticationToken RequestExpired
      """,
      .signature: "InvalidSignature SignatureDoesNotMatch RequestTimeTooSkewed IncompleteSignature AuthFailure",
      .denied: "AccessDenied UnauthorizedOperation NotAuthorized OptInRequired RegionDisabled",
      .decryption: "DecryptionFailure InvalidKeyId KMSAccessDenied KMSDisabled KMSInvalidState",
      .missing: "ResourceNotFound ParameterNotFound ParameterVersionNotFound NoSuchEntity",
    ]
    return codes.reduce(into: [:]) { kinds, entry in
      for code in entry.value.split(separator: " ") {
        kinds[String(code)] = entry.key
      }
    }
  }()
}
