import AWSProvider
import EventLoop
import ExecutionModel
import HTTPTransport
import Logging
import NodePolicy
import ProviderKit
import Resolution
import SecretBytes
import TestSupport
import Testing

/// What moto holds, put there by boto3.
private let fill = """
  import sys, boto3
  def client(name):
      return boto3.client(name, endpoint_url=sys.argv[1], region_name="eu-central-1", aws_access_key_id="testing", aws_secret_access_key="testing")
  secrets = client("secretsmanager")
  for number in range(45):
      secrets.create_secret(Name=f"web/s{number}", SecretString=f"secret {number}")
  first = secrets.create_secret(Name="web/db", SecretString='{"user": "u", "password": "old"}')
  secrets.put_secret_value(SecretId="web/db", SecretString='{"user": "u", "password": "p \\u2603", "port": 5432}')
  secrets.create_secret(Name="web/binary", SecretBinary=bytes([0, 255, 10]))
  secrets.create_secret(Name="web/gone", SecretString="x")
  secrets.delete_secret(SecretId="web/gone")
  parameters = client("ssm")
  for number in range(25):
      parameters.put_parameter(Name=f"/web/p{number}", Value=f"parameter {number}", Type="SecureString")
  parameters.put_parameter(Name="/web/list", Value="a,b", Type="StringList")
  parameters.put_parameter(Name="/web/list", Value="a,b,c", Type="StringList", Overwrite=True)
  parameters.label_parameter_version(Name="/web/list", ParameterVersion=1, Labels=["stable"])
  print(first["VersionId"])
  """

private func resolve(
  _ document: String, _ loop: EventLoop
) async throws -> Result<[String: String], GenerationFailure> {
  let registry = ProviderRegistry([SecretsManagerProvider.self, ParameterStoreProvider.self, STSProvider.self])
  let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  let services = ProviderServices(
    transport: { HTTPClient(loop: loop, options: $0, log: log) }, time: loop,
    environment: NodeEnvironment(policy: .personal) { _ in nil }, policy: .personal, log: log, executor: loop)
  let execution = try registry.catalog.validate(ExecutionDocument(SecretBytes(document)).item(nil)).execution
  let resolver = Resolver(pool: ProviderPool(registry: registry, services: services), time: loop)
  do throws(GenerationFailure) {
    let generation = try await resolver.resolve(ExecutionPlan(execution), within: .seconds(60))
    return .success(
      Dictionary(
        uniqueKeysWithValues: generation.secrets.map { ($0.name, Base64.encode($0.value).unsafeString() ?? "") }))
  } catch {
    return .failure(error)
  }
}

private func encoded(_ text: String) -> String { Base64.encode(SecretBytes(text)).unsafeString() ?? "" }

@Test(.enabled(if: Python.path != nil, "\(Python.absence)"))
func anotherMakersServerGivesTheSame() throws {
  let moto = try MotoServer()
  defer { moto.stop() }
  let version = try Python.run(fill, [moto.address]).split(separator: "\n").last.map(String.init) ?? ""
  let session = #", "role_arn": "arn:aws:iam::123456789012:role/uploads", "duration_seconds": 900"#
  let providers = ["aws_secrets_manager", "aws_parameter_store", "aws_sts"].map { type in
    #""\#(type)": {"provider": "\#(type)", "region": "eu-central-1", "endpoint_url": "\#(moto.address)", "auth": {"access_key_id": "testing", "secret_access_key": "testing"}\#(type == "aws_sts" ? session : "")}"#
  }.joined(separator: ", ")
  func document(_ secrets: String) -> String { #"{"secret_providers": {\#(providers)}, "secrets": {\#(secrets)}}"# }
  let many =
    (0..<45).map { #""S\#($0)": {"from": "aws_secrets_manager", "secret_id": "web/s\#($0)"}"# }
    + (0..<25).map { #""P\#($0)": {"from": "aws_parameter_store", "name": "/web/p\#($0)"}"# }
  let good = document(
    (many + [
      #""USER": {"from": "aws_secrets_manager", "secret_id": "web/db", "field": "user"}"#,
      #""PASSWORD": {"from": "aws_secrets_manager", "secret_id": "web/db", "field": "password"}"#,
      #""OLD": {"from": "aws_secrets_manager", "secret_id": "web/db", "version_id": "\#(version)", "field": "password"}"#,
      #""PREVIOUS": {"from": "aws_secrets_manager", "secret_id": "web/db", "version_stage": "AWSPREVIOUS", "field": "password"}"#,
      #""DB": {"from": "aws_secrets_manager", "secret_id": "web/db", "field": "password", "previous": true}"#,
      #""ONCE": {"from": "aws_secrets_manager", "secret_id": "web/s1", "previous": true}"#,
      #""PAIR": {"from": "aws_parameter_store", "name": "/web/list", "previous": true}"#,
      #""PAIR_1": {"from": "aws_parameter_store", "name": "/web/list:1", "previous": true}"#,
      #""BINARY": {"from": "aws_secrets_manager", "secret_id": "web/binary"}"#,
      #""LIST": {"from": "aws_parameter_store", "name": "/web/list"}"#,
      #""LIST_1": {"from": "aws_parameter_store", "name": "/web/list:1"}"#,
      #""LIST_STABLE": {"from": "aws_parameter_store", "name": "/web/list:stable"}"#,
      #""CIPHER": {"from": "aws_parameter_store", "name": "/web/p1", "with_decryption": false}"#,
      #""AWS": {"from": "aws_sts"}"#, #""END": {"from": "aws_sts", "field": "expiration"}"#,
      #""WHERE": {"from": "aws_sts", "field": "region"}"#,
    ]).joined(separator: ",\n"))
  let bad = document(
    #""A": {"from": "aws_secrets_manager", "secret_id": "web/gone"}, "B": {"from": "aws_secrets_manager", "secret_id": "nowhere"}, "C": {"from": "aws_parameter_store", "name": "/nowhere"}, "D": {"from": "aws_parameter_store", "name": "/web/list:9"}, "E": {"from": "aws_parameter_store", "name": "/web/p1"}"#
  )
  let loop = try EventLoop()
  let outcome = loop.run { () async -> Result<Void, any Error> in
    do {
      let values = try await resolve(good, loop).get()
      for number in 0..<45 {
        #expect(values["S\(number)"] == encoded("secret \(number)"))
      }
      for number in 0..<25 {
        #expect(values["P\(number)"] == encoded("parameter \(number)"))
      }
      let expected = [
        "USER": "u", "PASSWORD": "p ☃", "OLD": "old", "PREVIOUS": "old", "LIST": "a,b,c", "LIST_1": "a,b",
        "LIST_STABLE": "a,b", "WHERE": "eu-central-1", "DB": "p ☃", "DB_PREVIOUS": "old", "ONCE": "secret 1",
        "PAIR": "a,b,c", "PAIR_PREVIOUS": "a,b", "PAIR_1": "a,b",
      ]
      #expect(values.keys.filter { $0.hasSuffix("_PREVIOUS") }.sorted() == ["DB_PREVIOUS", "PAIR_PREVIOUS"])
      for (name, value) in expected {
        #expect(values[name] == encoded(value), "\(name)")
      }
      #expect(values["BINARY"] == Base64.encode(SecretBytes([0, 255, 10])).unsafeString())
      #expect(values["CIPHER"] != encoded("parameter 1"))
      for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "END"] {
        #expect(values[name]?.isEmpty == false, "\(name)")
      }
      #expect(values.keys.filter { $0.hasPrefix("AWS_") }.count == 3)
      guard case .failure(let failure) = try await resolve(bad, loop) else {
        throw UnexpectedSuccess()
      }
      #expect(failure.failures.map(\.secret) == ["A", "B", "C", "D"])
      for failed in failure.failures {
        #expect(failed.failure.kind == .missing, "\(failed.line)")
      }
      return .success(())
    } catch {
      return .failure(error)
    }
  }
  try outcome.get()
}
