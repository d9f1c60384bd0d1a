import ExecutionModel
import HTTPTransport
import ProviderKit
import Text

/// Where a service of AWS is: what the document, the environment or the shared files say, in the SDKs' order, else the
/// partition's own name for it (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
enum AWSEndpoint {
  /// A region becomes part of a host's name.
  static let region = TextGrammar(
    "a region, as eu-central-1", pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
  ) { region in
    (1...63).contains(region.utf8.count) && !region.hasPrefix("-") && !region.hasSuffix("-")
      && region.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
  }

  /// The service's address. Whether the policy lets it be reached is for the caller to ask.
  ///
  /// - Parameter isNested: whether the service only serves the connection's login; its `endpoint_url` is then another service's.
  static func url(
    of service: AWSService.Name, _ context: AWSContext, isNested: Bool
  ) throws(ProviderFailure) -> HTTPURL {
    if !isNested, let given = context.settings.endpoint {
      return given
    }
    let shared = try SharedConfiguration.load(context)
    /// A variable of the environment, else the profile's key.
    func flag(_ variable: String, _ key: String) -> Bool {
      (context.setting(variable) ?? shared.own[key])?.lowercased() == "true"
    }
    if !flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"),
      let (text, name) = configured(service, context, shared)
    {
      return try context.address(text, orThrow: "\(name) is no endpoint", hint: "write it as https://host")
    }
    let host = host(
      service, context.settings.region, useFIPS: flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
      useDualStack: flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"))
    return try context.address("https://\(host)", orThrow: "the region is no endpoint")
  }

  /// An endpoint that is set up by hand for the service, and what sets it.
  private static func configured(
    _ service: AWSService.Name, _ context: AWSContext, _ shared: SharedConfiguration
  ) -> (url: String, name: String)? {
    let key = service == .secretsManager ? "secrets_manager" : service.rawValue
    for name in ["AWS_ENDPOINT_URL_\(key.uppercased())", "AWS_ENDPOINT_URL"] {
      if let url = context.setting(name) {
        return (url, name)
      }
    }
    let place = "profile \(ShownText.clean(context.profileName))"
    if let url = shared.endpoint(of: key) {
      return (url, "services of \(place)")
    }
    return shared.own["endpoint_url"].map { ($0, "endpoint_url of \(place)") }
  }

  /// The host by the rules of the partitions (`endpoint-rule-set-1.json` and `partitions.json` of botocore).
  static func host(_ service: AWSService.Name, _ region: String, useFIPS: Bool, useDualStack: Bool) -> String {
    let partition = Partition.of(region)
    // In the government's partition these two are validated as they are.
    let isPlainFIPS = partition == .government && !useDualStack && service != .secretsManager
    let name = useFIPS && !isPlainFIPS ? "\(service.rawValue)-fips" : service.rawValue
    // Secrets Manager's plain names have IPv6 addresses where it serves both.
    let isPlainDualStack =
      service == .secretsManager
      && ([.standard, .government].contains(partition) || (partition == .china && !useFIPS))
    let suffix = useDualStack && !isPlainDualStack ? partition.dualStackSuffix : partition.suffix
    return "\(name).\(region).\(suffix)"
  }

  /// Parts of AWS that share no identities.
  private struct Partition: Equatable {
    /// What its regions' names start with.
    let regions: String
    let suffix: String
    /// Of names that have IPv6 addresses as well.
    let dualStackSuffix: String

    static let standard = Partition(regions: "", suffix: "amazonaws.com", dualStackSuffix: "api.aws")
    static let china = Partition(
      regions: "cn-", suffix: "amazonaws.com.cn", dualStackSuffix: "api.amazonwebservices.com.cn")
    static let government = Partition(regions: "us-gov-", suffix: "amazonaws.com", dualStackSuffix: "api.aws")
    private static let others = [
      Partition(regions: "eusc-", suffix: "amazonaws.eu", dualStackSuffix: "api.amazonwebservices.eu"),
      Partition(regions: "us-iso-", suffix: "c2s.ic.gov", dualStackSuffix: "api.aws.ic.gov"),
      Partition(regions: "us-isob-", suffix: "sc2s.sgov.gov", dualStackSuffix: "api.aws.scloud"),
      Partition(regions: "eu-isoe-", suffix: "cloud.adc-e.uk", dualStackSuffix: "api.cloud-aws.adc-e.uk"),
      Partition(regions: "us-isof-", suffix: "csp.hci.ic.gov", dualStackSuffix: "api.aws.hci.ic.gov"),
    ]

    static func of(_ region: String) -> Partition {
      ([china, government] + others).first { region.hasPrefix($0.regions) } ?? standard
    }
  }
}
