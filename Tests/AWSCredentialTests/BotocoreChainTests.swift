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
import Text

@testable import AWSProvider

/// The same environments before this chain and botocore's, over real HTTP.
@Suite(
  .enabled(if: BotocoreServer.path != nil, "SECRETS_AGENT_PYTHON does not name a Python with botocore; see `make test`")
)
struct BotocoreChainTests {
  private struct Question: Encodable {
    var kind = "credentials"
    var environment: [String: String] = [:]
    var profile: String?
    var service: String?
    var region: String?
    var fips: Bool?
    var dual: Bool?
    var endpoint: String?
  }

  private struct Answer: Decodable {
    var method: String
    var accessKeyID: String?
    var error: String?
  }

  @Test func picksWhatBotocorePicks() throws {
    let server = try BotocoreServer()
    for prepared in PreparedEnvironment.all {
      let scene = try Self.scene(prepared, port: server.port)
      let theirs = try server.ask(
        Question(environment: scene.environment, profile: prepared.profile), Answer.self)
      #expect(theirs.method == prepared.method, "botocore, \(prepared.name): \(theirs)")
      let ours = try Self.resolve(scene, prepared)
      switch ours {
      case .success(let resolved):
        #expect(resolved.credentials.accessKeyID == theirs.accessKeyID, "\(prepared.name)")
        #expect(Self.methods(resolved.source).contains(theirs.method), "\(prepared.name): \(resolved.source)")
      case .failure(let failure):
        #expect(["none", "error"].contains(theirs.method), "\(prepared.name): \(failure.line)")
      }
    }
  }

  private static func scene(_ prepared: PreparedEnvironment, port: Int) throws -> CredentialScene {
    let scene = try CredentialScene()
    func filled(_ text: String) -> String {
      text.replacingOccurrences(of: "PORT", with: "\(port)").replacingOccurrences(of: "HOME", with: scene.folder.path)
    }
    scene.environment = ["HOME": scene.folder.path, "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:\(port)"]
    if prepared.hasInstanceMetadata {
      scene.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = filled("http://127.0.0.1:PORT/")
    } else if prepared.files["instance"] == nil {
      scene.environment["AWS_EC2_METADATA_DISABLED"] = "true"
    }
    for (name, value) in prepared.variables {
      scene.environment[name] = filled(value)
    }
    var files = prepared.files
    files[".aws/config"] = prepared.config
    files[".aws/credentials"] = prepared.credentials
    for (name, text) in files {
      try scene.write(name, filled(text))
    }
    return scene
  }

  private static func resolve(
    _ scene: CredentialScene, _ prepared: PreparedEnvironment
  ) throws -> Result<ResolvedCredentials, ProviderFailure> {
    let settings = try scene.settings(prepared.profile.map { #", "profile": "\#($0)""# } ?? "")
    let environment = scene.environment
    let loop = try EventLoop()
    // A command takes real time, and would be out of it at once where sleeps are skipped.
    let runsCommand = prepared.config?.contains("credential_process") == true
    let time: any TimeSource = runsCommand ? loop : ManualTime(skipsSleeps: true)
    return loop.run { () async -> Result<ResolvedCredentials, ProviderFailure> in
      let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      let services = ProviderServices(
        transport: { HTTPClient(loop: loop, options: $0, log: log) }, time: time,
        random: { 0.5 },
        environment: NodeEnvironment(policy: .personal) { environment[$0].map { SecretBytes($0) } }, policy: .personal,
        log: log, executor: loop)
      do {
        let context = AWSContext(connection: OpenConnection(named: "p", services: services), settings: settings)
        return .success(try await CredentialSearch(context).session().current().credential)
      } catch let failure as ProviderFailure {
        return .failure(failure)
      } catch {
        return .failure(ProviderFailure(.malformed, connection: "p", "\(error)"))
      }
    }
  }

  /// botocore's names for what this chain calls its sources.
  private static func methods(_ source: String) -> [String] {
    switch source.split(separator: " ").first {
    case "environment": ["env"]
    case "web": ["assume-role-with-web-identity"]
    case "role": ["assume-role"]
    case "profile": ["shared-credentials-file", "config-file"]
    case "process": ["custom-process"]
    case "container": ["container-role"]
    case "instance": ["iam-role"]
    default: []
    }
  }

  // MARK: - Endpoints

  @Test func namesTheHostsThatBotocoresRulesName() throws {
    let server = try BotocoreServer()
    // Partitions, the names of whole ones, and what looks like a region and is none.
    let regions = [
      "us-east-1", "eu-central-1", "mx-central-1", "cn-north-1", "cn-northwest-1", "us-gov-west-1", "us-gov-east-1",
      "us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1", "eu-isoe-west-1", "us-isof-south-1",
      "us-isof-east-1", "eusc-de-east-1", "aws-global", "aws-cn-global", "aws-us-gov-global", "aws-iso-global",
      "aws-iso-b-global", "aws-iso-e-global", "aws-iso-f-global", "cn-nowhere", "cn-north-x", "cn-north-east-1",
      "us-gov-1", "us-isox-east-1", "eusc-fr-east-1", "zz-new-9", "local",
    ]
    for region in regions {
      for service in AWSService.Name.allCases {
        for (fips, dual) in [(false, false), (true, false), (false, true), (true, true)] {
          let theirs = try server.ask(
            Question(kind: "rule", service: service.rawValue, region: region, fips: fips, dual: dual), Answer.self)
          let ours = AWSEndpoint.host(service, AWSRegion(region), useFIPS: fips, useDualStack: dual)
          #expect("https://\(ours)" == theirs.method, "\(service) \(region) fips \(fips) dual stack \(dual)")
        }
      }
    }
  }

  /// botocore's own clients drop the switch without a word; its rules do not.
  @Test func refusesWithAnEndpointWhatTheRulesRefuse() throws {
    let server = try BotocoreServer()
    let scene = try CredentialScene()
    for (fips, dual) in [(false, false), (true, false), (false, true), (true, true)] {
      scene.environment["AWS_USE_FIPS_ENDPOINT"] = "\(fips)"
      scene.environment["AWS_USE_DUALSTACK_ENDPOINT"] = "\(dual)"
      scene.environment["AWS_ENDPOINT_URL"] = "https://own.example"
      let context = try scene.context(with: scene.services(ScriptedTransport.silent))
      for service in AWSService.Name.allCases {
        let theirs = try server.ask(
          Question(
            kind: "rule", service: service.rawValue, region: "eu-central-1", fips: fips, dual: dual,
            endpoint: "https://own.example"), Answer.self)
        let ours = try? AWSEndpoint(of: service, context, isNested: false).url.description
        #expect((theirs.method == "error") == (ours == nil), "\(service) fips \(fips) dual stack \(dual): \(theirs)")
        #expect((ours == nil) == (fips || dual))
      }
    }
  }

  private static let configured = """
    [default]
    services = own
    endpoint_url = http://profile.example
    [profile fips]
    use_fips_endpoint = true
    [profile ignoring]
    ignore_configured_endpoint_urls = true
    endpoint_url = http://profile.example
    [services own]
    secrets_manager =
      x = 1
      endpoint_url = http://service.example/base
    """

  @Test(arguments: [
    ["AWS_ENDPOINT_URL": "http://global.example"],
    ["AWS_ENDPOINT_URL": "http://global.example", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://own.example:8080"],
    ["AWS_ENDPOINT_URL_SSM": "http://own.example"], [:], ["AWS_PROFILE": "fips"], ["AWS_PROFILE": "ignoring"],
    ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": "http://global.example"],
    ["AWS_PROFILE": "fips", "AWS_USE_FIPS_ENDPOINT": "false", "AWS_USE_DUALSTACK_ENDPOINT": "true"],
    [
      "AWS_PROFILE": "fips", "AWS_ENDPOINT_URL": "http://own.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    ],
  ])
  func findsTheEndpointThatBotocoreFinds(variables: [String: String]) throws {
    let server = try BotocoreServer()
    let scene = try CredentialScene()
    try scene.write(".aws/config", Self.configured)
    scene.environment.merge(variables) { $1 }
    for service in AWSService.Name.allCases {
      let theirs = try server.ask(
        Question(kind: "endpoint", environment: scene.environment, service: service.rawValue, region: "eu-central-1"),
        Answer.self)
      let context = try scene.context(with: scene.services(ScriptedTransport.silent))
      let ours = try AWSEndpoint(of: service, context, isNested: false).url
      #expect(try ours == HTTPURL(parsing: theirs.method), "\(service): \(ours)")
    }
  }
}
