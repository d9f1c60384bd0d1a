import HTTPTransport
import ProviderKit
import TestSupport
import Testing

@testable import AWSProvider
@testable import AWSSigning

/// Where services are, and what excludes each other.
@Suite struct EndpointTests {
  private let scene: CredentialScene

  init() throws {
    scene = try CredentialScene()
  }

  private func endpoint(
    _ service: AWSService.Name = .secretsManager, _ more: String = "", region: String = "eu-central-1",
    isNested: Bool = false
  ) throws -> AWSEndpoint {
    let services = scene.services(ScriptedTransport.silent)
    let settings = try scene.settings(more, region: region)
    return try AWSEndpoint(
      of: service, AWSContext(connection: OpenConnection(named: "p", services: services), settings: settings),
      isNested: isNested)
  }

  private func fault(_ more: String = "", region: String = "eu-central-1", isNested: Bool = false) throws -> String? {
    let service = isNested ? AWSService.Name.tokens : .secretsManager
    do {
      _ = try endpoint(service, more, region: region, isNested: isNested)
      return nil
    } catch let failure as ProviderFailure {
      return failure.line
    }
  }

  private static let own = #", "endpoint_url": "https://own.example""#
  private static let fips = ["AWS_USE_FIPS_ENDPOINT": "true"]
  private static let dual = ["AWS_USE_DUALSTACK_ENDPOINT": "True"]
  private static let fipsProfile = "[default]\nuse_fips_endpoint = true\n"

  // MARK: - An endpoint of one's own beside FIPS or dual stack

  @Test(
    arguments: [
      (own, fips, "", "AWS_USE_FIPS_ENDPOINT asks for FIPS endpoints, which the document's endpoint_url"),
      (own, dual, "", "AWS_USE_DUALSTACK_ENDPOINT asks for dual-stack endpoints, which the document's endpoint_url"),
      (own, [:], fipsProfile, "use_fips_endpoint of profile default"),
      (own, [:], "[default]\nuse_dualstack_endpoint = true\n", "use_dualstack_endpoint of profile default"),
      (own + #", "profile": "x""#, fips, "[profile x]\nuse_fips_endpoint = false\n", "AWS_USE_FIPS_ENDPOINT asks"),
      (own, ["AWS_PROFILE": "x"], "[profile x]\nuse_fips_endpoint = true\n", "use_fips_endpoint of profile x"),
      // No switch for what is set up on the node helps the document.
      (own, fips.merging(["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"]) { $1 }, "", "the document's endpoint_url"),
      ("", fips.merging(["AWS_ENDPOINT_URL": "https://own.example"]) { $1 }, "", "which AWS_ENDPOINT_URL cannot"),
      (
        "", dual.merging(["AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://own.example"]) { $1 }, "",
        "which AWS_ENDPOINT_URL_SECRETS_MANAGER cannot"
      ),
      ("", [:], fipsProfile + "endpoint_url = https://own.example\n", "which endpoint_url of profile default cannot"),
      (
        "", fips, "[default]\nservices = s\n[services s]\nsecrets_manager =\n  endpoint_url = https://own.example\n",
        "which services of profile default cannot"
      ),
    ] as [(String, [String: String], String, String)])
  func refusesBothTogether(document: String, variables: [String: String], config: String, expected: String) throws {
    scene.environment.merge(variables) { $1 }
    try scene.write(".aws/config", config)
    let line = try #require(try fault(document))
    #expect(line.contains(expected), "\(line)")
  }

  @Test(
    arguments: [
      (own, ["AWS_USE_FIPS_ENDPOINT": "false"], fipsProfile, "https://own.example/"),
      (own, ["AWS_USE_FIPS_ENDPOINT": " "], "", "https://own.example/"),
      ("", fips, "", "https://secretsmanager-fips.eu-central-1.amazonaws.com/"),
      (
        "", fips.merging(["AWS_ENDPOINT_URL": "https://x", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"]) { $1 }, "",
        "https://secretsmanager-fips.eu-central-1.amazonaws.com/"
      ),
      // Another service's endpoint is not in the way.
      (
        "", fips.merging(["AWS_ENDPOINT_URL_SSM": "https://x"]) { $1 }, "",
        "https://secretsmanager-fips.eu-central-1.amazonaws.com/"
      ),
      ("", ["AWS_ENDPOINT_URL": " "], "", "https://secretsmanager.eu-central-1.amazonaws.com/"),
      ("", [:], "[default]\nendpoint_url =\n", "https://secretsmanager.eu-central-1.amazonaws.com/"),
      ("", [:], "[default]\nendpoint_url = https://own.example # ours\n", "https://own.example/"),
    ] as [(String, [String: String], String, String)])
  func takesOneOfThem(document: String, variables: [String: String], config: String, url: String) throws {
    scene.environment.merge(variables) { $1 }
    try scene.write(".aws/config", config)
    #expect(try endpoint(.secretsManager, document).url.description == url)
  }

  @Test func leavesTheLoginsOwnServiceOutOfIt() throws {
    scene.environment.merge(Self.fips) { $1 }
    #expect(
      try endpoint(.tokens, Self.own, isNested: true).url.description == "https://sts-fips.eu-central-1.amazonaws.com/")
    scene.environment["AWS_ENDPOINT_URL_STS"] = "https://own.example"
    #expect(try fault(isNested: true)?.contains("which AWS_ENDPOINT_URL_STS cannot") == true)
  }

  @Test(arguments: [
    ["AWS_USE_FIPS_ENDPOINT": "1"], ["AWS_USE_DUALSTACK_ENDPOINT": "yes"],
    ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "on"], ["AWS_PROFILE": "x"],
  ])
  func refusesASwitchThatIsNeitherOnNorOff(variables: [String: String]) throws {
    scene.environment.merge(variables) { $1 }
    try scene.write(".aws/config", "[profile x]\nuse_fips_endpoint = maybe\n")
    #expect(try fault()?.contains("is neither true nor false") == true)
  }

  // MARK: - Regions

  @Test(arguments: [
    ("aws-global", AWSService.Name.tokens, "sts.amazonaws.com", "us-east-1"),
    ("aws-global", .parameterStore, "ssm.aws-global.amazonaws.com", "us-east-1"),
    ("aws-cn-global", .tokens, "sts.aws-cn-global.amazonaws.com.cn", "cn-northwest-1"),
    ("aws-us-gov-global", .tokens, "sts.aws-us-gov-global.amazonaws.com", "us-gov-west-1"),
    ("aws-iso-f-global", .tokens, "sts.aws-iso-f-global.csp.hci.ic.gov", "us-isof-south-1"),
    ("us-isof-east-1", .secretsManager, "secretsmanager.us-isof-east-1.csp.hci.ic.gov", "us-isof-east-1"),
    ("fips-us-east-1", .tokens, "sts-fips.us-east-1.amazonaws.com", "us-east-1"),
    ("us-gov-west-1-fips", .secretsManager, "secretsmanager-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
    ("us-fips-east-1", .parameterStore, "ssm-fips.us-east-1.amazonaws.com", "us-east-1"),
  ])
  func readsRegionsAsTheRulesDo(region: String, service: AWSService.Name, host: String, signing: String) throws {
    let endpoint = try endpoint(service, region: region)
    #expect(endpoint.url.description == "https://\(host)/")
    #expect(endpoint.signingRegion == signing)
  }

  @Test func aRegionCanAskForFIPSToo() throws {
    #expect(try fault(Self.own, region: "fips-us-east-1")?.contains("the region fips-us-east-1 asks for FIPS") == true)
  }

  @Test func signsForTheRegionThatServes() async throws {
    try scene.write(
      ".aws/config",
      "[default]\nrole_arn = arn:r\nsource_profile = default\naws_access_key_id = A\naws_secret_access_key = s\n")
    let sts = ScriptedTransport.sts()
    let settings = try scene.settings(region: "aws-global")
    let connection = OpenConnection(named: "p", services: scene.services(sts))
    _ = try await CredentialSearch(AWSContext(connection: connection, settings: settings)).resolve()
    let request = try #require(sts.requests.first)
    #expect(request.url.description == "https://sts.amazonaws.com/")
    let authorization = request.headers.first { $0.name == "Authorization" }?.value.unsafeString() ?? ""
    #expect(authorization.contains("/us-east-1/sts/aws4_request"), "\(authorization)")
  }
}
