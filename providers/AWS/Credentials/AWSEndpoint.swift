import ExecutionModel
import HTTPTransport
import ProviderKit

/// Where a service of AWS is: what the document, the environment or the shared files say, in the SDKs' order, else the
/// partition's own name for it (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
struct AWSEndpoint {
  /// What settings call the services that the agent speaks to.
  private static let keys = ["secretsmanager": "secrets_manager", "ssm": "ssm", "sts": "sts"]

  /// A region becomes part of a host's name.
  static let region = TextGrammar(
    "a region, as eu-central-1", pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
  ) { region in
    (1...63).contains(region.utf8.count) && !region.hasPrefix("-") && !region.hasSuffix("-")
      && region.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
  }

  /// The service's address. Whether the policy lets it be reached is for the caller to ask.
  ///
  /// - Parameters:
  ///   - service: `secretsmanager`, `ssm` or `sts`.
  ///   - isNested: whether the service only serves the connection's login; its `endpoint_url` is then another service's.
  static func url(
    service: String, region: String, connection: ProviderConnection, services: ProviderServices, isNested: Bool = false
  ) throws(ProviderFailure) -> HTTPURL {
    let context = CredentialContext(connection: connection, services: services, region: region)
    if !isNested, let given = connection.fields.text("endpoint_url") {
      return try parsed(given, connection.path("endpoint_url"), context)
    }
    let shared = try SharedConfiguration.load(context)
    let settings = EndpointSettings(context: context, profile: shared.profiles[context.profileName] ?? .init())
    if let (text, name) = settings.configured(keys[service] ?? service, shared) {
      return try parsed(text, name, context)
    }
    let host = try host(
      service, region, useFIPS: settings.flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
      useDualStack: settings.flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"), context.failures)
    return try parsed("https://\(host)", "the region", context)
  }

  private static func parsed(
    _ text: String, _ name: String, _ context: CredentialContext
  ) throws(ProviderFailure) -> HTTPURL {
    do throws(URLFault) {
      return try HTTPURL(parsing: text)
    } catch {
      throw context.failures.make(.denied, "\(name) is no endpoint: \(error); write it as https://host")
    }
  }

  /// The host by the rules of the partitions (`endpoint-rule-set-1.json` and `partitions.json` of botocore).
  static func host(
    _ service: String, _ region: String, useFIPS: Bool, useDualStack: Bool, _ failures: FailureMaker
  ) throws(ProviderFailure) -> String {
    guard Self.region.accepts(region) else {
      throw failures.make(
        .denied, "the region \(DocumentPath.shown(region)) is not one", hint: "write it as eu-central-1")
    }
    let partition = AWSPartition(region: region)
    // In the government's partition these two are validated as they are.
    let isPlainFIPS = partition == .government && !useDualStack && ["sts", "ssm"].contains(service)
    let name = useFIPS && !isPlainFIPS ? "\(service)-fips" : service
    // Secrets Manager's plain names have IPv6 addresses where it serves both.
    let isPlainDualStack =
      service == "secretsmanager"
      && ([.standard, .government].contains(partition) || (partition == .china && !useFIPS))
    let suffix = useDualStack && !isPlainDualStack ? partition.dualStackSuffix : partition.suffix
    return "\(name).\(region).\(suffix)"
  }
}

/// Parts of AWS that share no identities, by the regions' names.
enum AWSPartition {
  case standard
  case china
  case government
  case europeanSovereign
  case iso
  case isoB
  case isoE
  case isoF

  init(region: String) {
    let prefixes: [(String, AWSPartition)] = [
      ("cn-", .china), ("us-gov-", .government), ("eusc-", .europeanSovereign), ("us-iso-", .iso), ("us-isob-", .isoB),
      ("eu-isoe-", .isoE), ("us-isof-", .isoF),
    ]
    self = prefixes.first { region.hasPrefix($0.0) }?.1 ?? .standard
  }

  var suffix: String {
    switch self {
    case .standard, .government: "amazonaws.com"
    case .china: "amazonaws.com.cn"
    case .europeanSovereign: "amazonaws.eu"
    case .iso: "c2s.ic.gov"
    case .isoB: "sc2s.sgov.gov"
    case .isoE: "cloud.adc-e.uk"
    case .isoF: "csp.hci.ic.gov"
    }
  }

  /// Of names that have IPv6 addresses as well.
  var dualStackSuffix: String {
    switch self {
    case .standard, .government: "api.aws"
    case .china: "api.amazonwebservices.com.cn"
    case .europeanSovereign: "api.amazonwebservices.eu"
    case .iso: "api.aws.ic.gov"
    case .isoB: "api.aws.scloud"
    case .isoE: "api.cloud-aws.adc-e.uk"
    case .isoF: "api.aws.hci.ic.gov"
    }
  }
}

/// Settings of endpoints: a variable of the environment, else the profile's key.
private struct EndpointSettings {
  let context: CredentialContext
  let profile: SharedConfiguration.Profile

  func flag(_ variable: String, _ key: String) -> Bool {
    (context.setting(variable) ?? profile.text(key))?.lowercased() == "true"
  }

  /// An endpoint that is set up by hand for the service, and what sets it.
  func configured(_ service: String, _ shared: SharedConfiguration) -> (url: String, name: String)? {
    guard !flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls") else {
      return nil
    }
    for name in ["AWS_ENDPOINT_URL_\(service.uppercased())", "AWS_ENDPOINT_URL"] {
      if let url = context.setting(name) {
        return (url, name)
      }
    }
    let place = "profile \(DocumentPath.shown(context.profileName))"
    if let url = shared.serviceEndpoint(profile, service) {
      return (url, "services of \(place)")
    }
    return profile.text("endpoint_url").map { ($0, "endpoint_url of \(place)") }
  }
}
