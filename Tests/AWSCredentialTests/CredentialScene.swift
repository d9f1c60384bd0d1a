import EventLoop
import ExecutionModel
import Foundation
import HTTPTransport
import Logging
import NodePolicy
import ProviderKit
import SecretBytes
import TestSupport
import Testing

@testable import AWSProvider
@testable import AWSSigning

/// A home folder with AWS's files, an environment, and a network that a test scripts.
final class CredentialScene {
  let folder: URL
  let time: ManualTime
  var environment: [String: String]
  var policy: NodePolicy = .personal
  /// For what runs a command; whoever sets it lets it run.
  var loop: EventLoop?

  init(time: ManualTime = ManualTime(skipsSleeps: true)) throws {
    self.folder = FileManager.default.temporaryDirectory.appendingPathComponent("aws-\(UUID().uuidString)")
    self.time = time
    self.environment = ["HOME": folder.path, "AWS_EC2_METADATA_DISABLED": "true"]
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent(".aws"), withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// Writes a file of the home folder, as `.aws/config`.
  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
  }

  func settings(_ more: String = "", region: String = "eu-central-1") throws -> AWSConnection {
    let connection = try ProviderConnection.testing(
      #"{"provider": "aws_secrets_manager", "region": "\#(region)"\#(more)}"#, by: SecretsManagerProvider.descriptor)
    return try #require(connection.key.settings as? AWSConnection)
  }

  func services(_ transport: any HTTPSending) -> ProviderServices {
    .testing(transport: { _ in transport }, time: time, policy: policy, environment: environment, executor: loop)
  }

  /// Of a connection whose document also has `more`, as `, "profile": "x"`.
  func context(_ more: String = "", with services: ProviderServices) throws -> AWSContext {
    AWSContext(connection: OpenConnection(named: "p", services: services), settings: try settings(more))
  }

  func session(
    _ more: String = "", over transport: any HTTPSending = ScriptedTransport.silent
  ) throws -> Session<ResolvedCredentials> {
    CredentialSearch(try context(more, with: services(transport))).session()
  }

  /// What the session gives at once.
  func resolve(
    _ more: String = "", over transport: any HTTPSending = ScriptedTransport.silent
  ) async throws -> ResolvedCredentials {
    try await session(more, over: transport).current().credential
  }

  /// The failure that the session ends with.
  func failure(
    _ more: String = "", over transport: any HTTPSending = ScriptedTransport.silent
  ) async throws -> ProviderFailure? {
    let session = try session(more, over: transport)
    do throws(ProviderFailure) {
      _ = try await session.current()
      return nil
    } catch {
      return error
    }
  }
}

extension ScriptedTransport {
  /// Nobody is there.
  static var silent: ScriptedTransport {
    ScriptedTransport { request, _ in .failure(TransportFailure(kind: .connect, host: request.url.host, detail: "")) }
  }

  /// Answers by method and path without the query: a status and a body; 404 for what is not among them.
  static func answering(_ answers: [String: (Int, String)]) -> ScriptedTransport {
    ScriptedTransport { request, _ in
      let (status, body) = answers["\(request.method.rawValue) \(request.url.path)"] ?? (404, "")
      return .success(HTTPResponse(status: status, headers: HTTPFields([]), body: SecretBytes(body)))
    }
  }

  static func sts(_ accessKeyID: String = "ASIA1", expiration: String = "2099-01-01T00:00:00Z") -> ScriptedTransport {
    .answering(["POST /": (200, STSBody.assumeRole(accessKeyID, expiration: expiration))])
  }
}

/// Bodies as STS writes them.
enum STSBody {
  static func assumeRole(_ accessKeyID: String, expiration: String = "2099-01-01T00:00:00Z") -> String {
    """
    <AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
      <AssumeRoleResult>
        <AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/x/y</Arn></AssumedRoleUser>
        <Credentials>
          <AccessKeyId>\(accessKeyID)</AccessKeyId>
          <SecretAccessKey>wJalr/&amp;+secret</SecretAccessKey>
          <SessionToken>token/&#43;==</SessionToken>
          <Expiration>\(expiration)</Expiration>
        </Credentials>
        <PackedPolicySize>6</PackedPolicySize>
      </AssumeRoleResult>
      <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
    </AssumeRoleResponse>
    """
  }

  static func error(_ code: String, _ message: String) -> String {
    """
    <?xml version="1.0" encoding="UTF-8"?>
    <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
      <Error><Type>Sender</Type><Code>\(code)</Code><Message>\(message)</Message></Error>
      <RequestId>c6104cbe</RequestId>
    </ErrorResponse>
    """
  }
}
