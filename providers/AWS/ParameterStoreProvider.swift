import ExecutionModel
import JSONReader
import ProviderKit
import SecretBytes

/// One connection to AWS Systems Manager Parameter Store.
public struct ParameterStoreProvider: SecretProvider {
  public static let descriptor = ProviderDescriptor.awsParameterStore

  /// How many names one GetParameters takes.
  static let batchSize = 10

  private let service: AWSJSONService
  private let services: ProviderServices
  private let gate: BatchGate

  public init(connection: ProviderConnection, services: ProviderServices) throws(DocumentFault) {
    self.services = services
    self.service = try AWSJSONService(
      .init(name: "ssm", target: "AmazonSSM"), connection: connection, services: services)
    self.gate = BatchGate {
      services.log.notice(
        "GetParameters is denied; each parameter is a call of its own",
        metadata: ["provider": "\(connection.name)", "hint": "allow ssm:GetParameters"])
    }
  }

  public static func describe(_ reference: Reference) -> String {
    ParameterLookup(reference).description
  }

  public func checkAddresses() throws(ProviderFailure) {
    try service.checkAddresses()
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport {
    try await service.chain.report(services)
  }

  public func fetch(_ references: [Reference]) async -> [FetchResult] {
    let lookups = references.map(ParameterLookup.init)
    let fetch = BatchFetch(denial: .ofActionOrResource, gate: gate, inFlight: services.limits.inFlight)
    return await fetch.run(count: lookups.count, batches: Self.batches(of: lookups)) { place in
      await single(lookups[place])
    } batch: { places in
      await batch(places.map { lookups[$0] })
    }
  }

  public func close(_ reason: CloseReason) async {}

  /// By decryption, which is said for a whole call; and every parameter once only, so that no answer can be taken for that of
  /// another version.
  private static func batches(of lookups: [ParameterLookup]) -> [[Int]] {
    [true, false].flatMap { isDecrypted in
      var seen: Set<String> = []
      return lookups.indices.filter {
        lookups[$0].isDecrypted == isDecrypted && seen.insert(lookups[$0].parameter).inserted
      }
      .chunks(of: batchSize)
    }
  }

  // MARK: - One parameter

  /// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
  private func single(_ lookup: ParameterLookup) async -> FetchResult {
    var body = JSONWriter()
    body.beginObject()
    body.name("Name")
    body.string(lookup.name)
    body.name("WithDecryption")
    body.boolean(lookup.isDecrypted)
    body.endObject()
    do throws(AWSCallFailure) {
      let answer = try await service.send(
        .init(operation: "GetParameter", body: body.finish(), reference: lookup.description))
      guard let parameter = answer.json.member("Parameter") else {
        return .failure(service.failures.incomplete("Parameter", lookup.description))
      }
      return value(of: parameter, lookup)
    } catch {
      return .failure(error.failure)
    }
  }

  private func value(of parameter: JSONValue, _ lookup: ParameterLookup) -> FetchResult {
    guard let value = parameter.member("Value")?.secret else {
      return .failure(service.failures.incomplete("Value", lookup.description))
    }
    let version = parameter.member("Version")?.int64.map(String.init)
    return .success(FetchedSecret(payload: value.detached(), version: version, fetchedAt: services.time.now))
  }

  // MARK: - Many

  /// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
  private func batch(_ lookups: [ParameterLookup]) async -> BatchFetch.Outcome {
    var body = JSONWriter()
    body.beginObject()
    body.name("Names")
    body.beginArray()
    for lookup in lookups {
      body.string(lookup.name)
    }
    body.endArray()
    body.name("WithDecryption")
    body.boolean(lookups.first?.isDecrypted ?? true)
    body.endObject()
    do throws(AWSCallFailure) {
      let answer = try await service.send(
        .init(operation: "GetParameters", body: body.finish(), reference: nil, values: lookups.count))
      return .answered(results(of: answer, lookups))
    } catch {
      return BatchFetch.Outcome(error)
    }
  }

  /// Values by name or ARN with what was chosen behind it. What is neither among them nor among the invalid is asked for by itself.
  private func results(of answer: AWSJSONService.Answer, _ lookups: [ParameterLookup]) -> [FetchResult?] {
    var values: [String: JSONValue] = [:]
    for parameter in answer.json.member("Parameters")?.elements.map({ $0 }) ?? [] {
      let selector = parameter.member("Selector")?.text ?? ""
      for key in [parameter.member("Name")?.text, parameter.member("ARN")?.text] {
        if let key {
          values[key + selector] = parameter
        }
      }
    }
    let invalid = Set(answer.json.member("InvalidParameters")?.elements.compactMap(\.text) ?? [])
    return lookups.map { lookup in
      if let value = values[lookup.name] {
        return self.value(of: value, lookup)
      }
      guard invalid.contains(lookup.name) else {
        return nil
      }
      let code = lookup.selector == nil ? "ParameterNotFound" : "ParameterVersionNotFound"
      return .failure(
        service.failures.failure(
          AWSError(code: code, message: nil), status: nil,
          about: .init(
            reference: lookup.description, action: service.action("GetParameters"), credentials: answer.credentials)))
    }
  }
}

/// The lookup fields of one reference.
struct ParameterLookup: Sendable, CustomStringConvertible {
  /// As written, with the version or label behind it.
  let name: String
  /// The name alone, without the slash that a path starts with, and out of its ARN.
  let parameter: String
  /// Version number or label.
  let selector: String?
  let isDecrypted: Bool

  init(_ reference: Reference) {
    let name = reference.lookup.text("name") ?? ""
    (parameter, selector) = Self.parts(of: name)
    self.name = name
    self.isDecrypted = reference.lookup.boolean("with_decryption") ?? true
  }

  /// The first five colons of an ARN (`arn:aws:ssm:region:account:parameter/…`) are its own.
  private static func parts(of name: String) -> (parameter: String, selector: String?) {
    let fields = name.split(separator: ":", omittingEmptySubsequences: false)
    let isARN = fields.first == "arn" && fields.count >= 6
    let own = isARN ? 6 : 1
    var parameter = fields[own - 1]
    if isARN, parameter.hasPrefix("parameter/") {
      parameter = parameter.dropFirst("parameter".count)
    }
    let bare = parameter.drop { $0 == "/" }
    return (String(bare), fields.count > own ? fields[own...].joined(separator: ":") : nil)
  }

  var description: String { DocumentPath.shown(name, atMost: 200) }
}
