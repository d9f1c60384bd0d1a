import HTTPTransport
import ProviderKit
import Text

/// Where a service of AWS is, and which region its signatures name: what the document, the environment or the shared files say, in
/// the SDKs' order, else the partition's own name for it (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
struct AWSEndpoint: Sendable {
  let url: HTTPURL
  let signingRegion: String

  /// Whether the policy lets it be reached is for the caller to ask.
  ///
  /// - Parameter isNested: whether the service only serves the connection's login; its `endpoint_url` is then another service's.
  init(of service: AWSService.Name, _ context: AWSContext, isNested: Bool) throws(ProviderFailure) {
    let region = AWSRegion(context.settings.region)
    let settings = EndpointSettings(context: context, shared: try SharedConfiguration.load(context))
    let fips = region.asksForFIPS ? "the region \(context.settings.region)" : try settings.fips()
    let dualStack = try settings.dualStack()
    signingRegion = region.signingName
    guard let own = try settings.own(of: service, isNested: isNested) else {
      let host = Self.host(service, region, useFIPS: fips != nil, useDualStack: dualStack != nil)
      url = try context.address("https://\(host)", orThrow: "the region is no endpoint")
      return
    }
    // No rule of AWS says that an address of one's own is of that kind. A document that could name one beside the switch of the
    // node's owner would have stepped around it.
    for (switched, kind) in [(fips, "FIPS"), (dualStack, "dual-stack")] {
      if let switched {
        throw context.denied(
          "\(switched) asks for \(kind) endpoints, which \(own.name) cannot be known to be",
          hint: "take one of the two away: AWS's endpoint rules refuse both together")
      }
    }
    url = own.url
  }

  /// The host by the rules of the partitions (`endpoint-rule-set-1.json` of botocore).
  static func host(_ service: AWSService.Name, _ region: AWSRegion, useFIPS: Bool, useDualStack: Bool) -> String {
    let partition = region.partition
    // STS's first endpoint is still the one of the partition as a whole.
    if service == .tokens, partition == .standard, region.name == partition.wholeName, !useFIPS, !useDualStack {
      return "sts.amazonaws.com"
    }
    // In the government's partition these two are validated as they are.
    let isPlainFIPS = partition == .government && !useDualStack && service != .secretsManager
    let name = useFIPS && !isPlainFIPS ? "\(service.rawValue)-fips" : service.rawValue
    // Secrets Manager's plain names have IPv6 addresses where it serves both.
    let isPlainDualStack =
      service == .secretsManager
      && ([.standard, .government].contains(partition) || (partition == .china && !useFIPS))
    let suffix = useDualStack && !isPlainDualStack ? partition.dualStackSuffix : partition.suffix
    return "\(name).\(region.name).\(suffix)"
  }
}

/// What is set up for endpoints, in the environment before the profile.
private struct EndpointSettings {
  struct Own {
    let url: HTTPURL
    /// What sets it.
    let name: String
  }

  let context: AWSContext
  let shared: SharedConfiguration

  private var place: String { "profile \(ShownText.clean(context.profileName))" }

  func fips() throws(ProviderFailure) -> String? { try flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint") }

  func dualStack() throws(ProviderFailure) -> String? {
    try flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")
  }

  /// What switches something on; `nil` where it is off. A switch that is neither is refused: who wrote `1` or `yes` wanted
  /// something, and would not get it.
  private func flag(_ variable: String, _ key: String) throws(ProviderFailure) -> String? {
    let given = context.setting(variable).map { ($0, variable) }
    guard let (text, name) = given ?? shared.own.setting(key).map({ ($0, "\(key) of \(place)") }) else {
      return nil
    }
    switch text.lowercased() {
    case "true": return name
    case "false": return nil
    default: throw context.denied("\(name) is neither true nor false")
    }
  }

  /// An endpoint that is set up by hand for the service.
  func own(of service: AWSService.Name, isNested: Bool) throws(ProviderFailure) -> Own? {
    if !isNested, let url = context.settings.endpoint {
      return Own(url: url, name: "the document's endpoint_url")
    }
    guard try flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls") == nil,
      let (text, name) = configured(service)
    else {
      return nil
    }
    return Own(
      url: try context.address(text, orThrow: "\(name) is no endpoint", hint: "write it as https://host"), name: name)
  }

  private func configured(_ service: AWSService.Name) -> (url: String, name: String)? {
    let key = service == .secretsManager ? "secrets_manager" : service.rawValue
    for name in ["AWS_ENDPOINT_URL_\(key.uppercased())", "AWS_ENDPOINT_URL"] {
      if let url = context.setting(name) {
        return (url, name)
      }
    }
    if let url = shared.endpoint(of: key) {
      return (url, "services of \(place)")
    }
    return shared.own.setting("endpoint_url").map { ($0, "endpoint_url of \(place)") }
  }
}
