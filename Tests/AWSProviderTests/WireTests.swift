import AWSProvider
import ExecutionModel
import ProviderFakes
import ProviderKit
import TestSupport
import Testing

/// The operations of this agent, by boto3.
private let operations = """
  import sys, boto3
  from botocore.config import Config
  def client(name):
      return boto3.client(name, endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="ASIATEMPORARY00000",
          aws_secret_access_key="s", aws_session_token="token/with+signs==", config=Config(retries={"total_max_attempts": 1}))
  secrets = client("secretsmanager")
  secrets.get_secret_value(SecretId="a")
  secrets.get_secret_value(SecretId="a", VersionStage="AWSPREVIOUS")
  secrets.get_secret_value(SecretId="a", VersionId="00000000-0000-4000-8000-000000000001")
  secrets.batch_get_secret_value(SecretIdList=["a", "b"])
  parameters = client("ssm")
  parameters.get_parameter(Name="/p:1", WithDecryption=True)
  parameters.get_parameters(Names=["/p", "/q"], WithDecryption=False)
  client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/up+loads", RoleSessionName="secrets-agent",
      ExternalId="a@b=c,d-+/", DurationSeconds=900)
  """

/// What of a request must be the same, whoever sends it.
private struct Wire: Equatable, Sendable {
  let line: String
  let target: String?
  let contentType: String?
  let signedHeaders: String?
  let body: JSONText?
  let form: [String]

  init(_ request: RecordedRequest) throws {
    line = request.line
    target = request.headers["x-amz-target"]
    contentType = request.headers["content-type"]?.split(separator: ";").first.map(String.init)
    signedHeaders = request.headers["authorization"]?.split(separator: ", ").first { $0.hasPrefix("SignedHeaders=") }
      .map(String.init)
    let isForm = contentType == "application/x-www-form-urlencoded"
    body = isForm ? nil : try JSONText(request.body)
    // A space is `+` or `%20`, which is the same in a form.
    form =
      isForm
      ? request.body.split(separator: "&").map { $0.split(separator: "+").joined(separator: "%20") }.sorted() : []
  }
}

private let keys =
  #"{"access_key_id": "ASIATEMPORARY00000", "secret_access_key": "s", "session_token": "token/with+signs=="}"#

private func prepare(_ fake: AWSFake) {
  fake.addAccessKey("ASIATEMPORARY00000", secret: "s", sessionToken: "token/with+signs==")
  for name in ["a", "a", "b"] {
    fake.putSecret(name, "x")
  }
  for name in ["/p", "/q"] {
    fake.putParameter(name, "x")
  }
  fake.addRole("arn:aws:iam::123456789012:role/up+loads", externalID: "a@b=c,d-+/")
}

/// The requests that `fetches` makes through one provider.
private func requests<Provider: SecretProvider>(
  _ type: Provider.Type, more: String = "", _ fetches: @escaping @Sendable (AWSScene<Provider>) async -> Void
) throws -> [Wire] {
  let kept = Kept<[Wire]>()
  try AWSScene<Provider>.run(auth: keys, more: more, prepare: prepare) { (scene: AWSScene<Provider>) async throws in
    await fetches(scene)
    kept.set(try scene.fake.recorder.requests.map(Wire.init))
  }
  return kept.last ?? []
}

@Test(.enabled(if: Python.path != nil, "\(Python.absence)"))
func requestsAreThoseOfTheSDK() async throws {
  let fake = try await AWSFake.start()
  prepare(fake)
  try Python.run(operations, [fake.address])
  let theirs = try fake.recorder.requests.map(Wire.init)
  await fake.stop()
  var ours = try requests(SecretsManagerProvider.self) { scene in
    _ = await scene.fetch([scene.secret("a")])
    _ = await scene.fetch([scene.secret("a", stage: "AWSPREVIOUS")])
    _ = await scene.fetch([scene.secret("a", version: "00000000-0000-4000-8000-000000000001")])
    _ = await scene.fetch([scene.secret("a"), scene.secret("b")])
  }
  ours += try requests(ParameterStoreProvider.self) { scene in
    _ = await scene.fetch([scene.parameter("/p:1")])
    _ = await scene.fetch([scene.parameter("/p", decrypted: false), scene.parameter("/q", decrypted: false)])
  }
  ours += try requests(STSProvider.self, more: #", "role_arn": "arn:aws:iam::123456789012:role/r""#) { scene in
    let role = try? scene.connecting(
      #", "role_arn": "arn:aws:iam::123456789012:role/up+loads", "session_name": "secrets-agent", "external_id": "a@b=c,d-+/", "duration_seconds": 900"#
    )
    _ = await role?.fetch([scene.connection.reference([:])])
  }
  #expect(theirs.count == 7)
  #expect(ours.count == theirs.count)
  for (our, their) in zip(ours, theirs) {
    #expect(our == their)
  }
}
