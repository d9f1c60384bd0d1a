import HTTPTransport
import ProviderFakes
import TestSupport

/// An AWS whose machine is a task and an instance, each with a role; for all of its services.
struct AWSDouble: StoreDouble {
  static let role = "arn:aws:iam::\(AWSFake.account):role/web"
  static let tokenMarks = ["secret/of+temporary/key", "IQoJb3JpZ2luX2Zha2U"]

  private static let taskPath = "/task-credentials"
  private static let instancePath = "/latest/meta-data/iam/security-credentials/"

  private let fake: AWSFake

  static func start(_ setting: StoreSetting) async throws -> AWSDouble {
    let time = setting.time
    let fake = try await AWSFake.start(clock: { time.unixTime })
    fake.setContainerRole(path: taskPath, token: "swordfish-task", seconds: 3600)
    fake.setInstanceRole("node", seconds: 3600)
    fake.addRole(role)
    for number in setting.numbers {
      fake.putSecret("value-\(number)", setting.value(number))
      fake.putParameter("value-\(number)", setting.value(number))
    }
    return AWSDouble(fake: fake)
  }

  func stop() async { await fake.stop() }

  var address: String { fake.address }
  var variables: [String: String] {
    [
      "AWS_CONTAINER_CREDENTIALS_FULL_URI": address + Self.taskPath,
      "AWS_CONTAINER_AUTHORIZATION_TOKEN": "swordfish-task",
      "AWS_EC2_METADATA_SERVICE_ENDPOINT": address,
    ]
  }

  static func part(of request: HTTPRequest) -> CallPart {
    let path = request.url.path
    if path == taskPath || (path.hasPrefix(instancePath) && path != instancePath) {
      return .login
    }
    if path.hasPrefix("/latest/") {
      return .step
    }
    let target = request.header("X-Amz-Target") ?? ""
    return target.hasSuffix(".BatchGetSecretValue") || target.hasSuffix(".GetParameters") ? .batch : .value
  }

  static func asksMachine(_ request: HTTPRequest) -> Bool {
    request.url.path == taskPath || request.url.path.hasPrefix("/latest/")
  }

  static func refusal(of request: HTTPRequest) -> HTTPResponse? {
    guard part(of: request).readsValues else {
      return nil
    }
    let words = "The security token included in the request is invalid."
    return request.header("X-Amz-Target") == nil
      ? .xml(
        403,
        "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>\(words)</Message></Error></ErrorResponse>")
      : .json(400, #"{"__type": "UnrecognizedClientException", "message": "\#(words)"}"#)
  }

  func passed(_ span: Duration) {}

  func revokeLogins() { Self.removeKeys(of: fake) }

  /// Every temporary key that has signed so far; the fake makes no others.
  static func removeKeys(of fake: AWSFake) {
    for request in fake.recorder.requests {
      let scope = request.headers["authorization"]?.split(separator: "Credential=").last
      if let key = scope?.split(separator: "/").first {
        fake.removeAccessKey(String(key))
      }
    }
  }

  func spoilCredentials() {
    fake.setContainerRole(path: Self.taskPath, token: "swordfish-other", seconds: 3600)
  }

  func refuseBatches() {
    fake.deny("secretsmanager:BatchGetSecretValue")
    fake.deny("ssm:GetParameters")
  }
}
