import ExecutionModel
import JSONReader
import ProviderKit
import SecretBytes

/// One connection to AWS Secrets Manager.
public struct SecretsManagerProvider: SecretProvider {
  public static let descriptor = ProviderDescriptor.awsSecretsManager

  /// How many secrets one BatchGetSecretValue takes.
  static let batchSize = 20

  private let service: AWSJSONService
  private let services: ProviderServices
  private let gate: BatchGate

  public init(connection: ProviderConnection, services: ProviderServices) throws(DocumentFault) {
    self.services = services
    self.service = try AWSJSONService(
      .init(name: "secretsmanager", target: "secretsmanager"), connection: connection, services: services)
    self.gate = BatchGate {
      services.log.notice(
        "BatchGetSecretValue is denied; each secret is a call of its own",
        metadata: ["provider": "\(connection.name)", "hint": "allow secretsmanager:BatchGetSecretValue"])
    }
  }

  public static func describe(_ reference: Reference) -> String {
    SecretLookup(reference).description
  }

  public func checkAddresses() throws(ProviderFailure) {
    try service.checkAddresses()
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport {
    try await service.chain.report(services)
  }

  public func fetch(_ references: [Reference]) async -> [FetchResult] {
    let lookups = references.map(SecretLookup.init)
    let current = lookups.indices.filter { lookups[$0].isCurrent }
    let batches = current.chunks(of: Self.batchSize)
    let fetch = BatchFetch(denial: .ofAction, gate: gate, inFlight: services.limits.inFlight)
    return await fetch.run(count: lookups.count, batches: batches) { place in
      await single(lookups[place])
    } batch: { places in
      await batch(places.map { lookups[$0] })
    }
  }

  public func close(_ reason: CloseReason) async {}

  // MARK: - One secret

  /// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
  private func single(_ lookup: SecretLookup) async -> FetchResult {
    var body = JSONWriter()
    body.beginObject()
    body.name("SecretId")
    body.string(lookup.id)
    if let version = lookup.versionID {
      body.name("VersionId")
      body.string(version)
    } else if !lookup.isCurrent {
      body.name("VersionStage")
      body.string(lookup.stage)
    }
    body.endObject()
    do throws(AWSCallFailure) {
      let answer = try await service.send(
        .init(operation: "GetSecretValue", body: body.finish(), reference: lookup.description))
      return value(in: answer.json, lookup)
    } catch {
      return .failure(error.failure)
    }
  }

  /// Text as it is, binary out of its base64.
  private func value(in json: JSONValue, _ lookup: SecretLookup) -> FetchResult {
    let version = json.member("VersionId")?.text.map { DocumentPath.shown($0) }
    if let text = json.member("SecretString")?.secret {
      return .success(
        FetchedSecret(payload: text.detached(), version: version, fetchedAt: services.time.now))
    }
    guard let encoded = json.member("SecretBinary")?.secret else {
      return .failure(service.failures.incomplete("SecretString or SecretBinary", lookup.description))
    }
    guard let bytes = Base64.decode(encoded) else {
      return .failure(service.failures.incomplete("SecretBinary in base64", lookup.description))
    }
    return .success(FetchedSecret(payload: bytes, version: version, fetchedAt: services.time.now))
  }

  // MARK: - Many

  /// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
  private func batch(_ lookups: [SecretLookup]) async -> BatchFetch.Outcome {
    var body = JSONWriter()
    body.beginObject()
    body.name("SecretIdList")
    body.beginArray()
    for lookup in lookups {
      body.string(lookup.id)
    }
    body.endArray()
    body.endObject()
    do throws(AWSCallFailure) {
      let answer = try await service.send(
        .init(operation: "BatchGetSecretValue", body: body.finish(), reference: nil, values: lookups.count))
      return .answered(results(of: answer, lookups))
    } catch {
      return BatchFetch.Outcome(error)
    }
  }

  /// Values by name or ARN, errors by the id asked for. What the answer leaves out (it promises no completeness), and what may
  /// pass, is asked for once more by itself.
  private func results(of answer: AWSJSONService.Answer, _ lookups: [SecretLookup]) -> [FetchResult?] {
    var values: [String: JSONValue] = [:]
    for value in answer.json.member("SecretValues")?.elements.map({ $0 }) ?? [] {
      for key in [value.member("Name")?.text, value.member("ARN")?.text] {
        if let key {
          values[key] = value
        }
      }
      // The service adds a dash and six characters to the name, and finds a secret without them too.
      if let arn = value.member("ARN")?.text, arn.count > 7, values[String(arn.dropLast(7))] == nil {
        values[String(arn.dropLast(7))] = value
      }
    }
    var errors: [String: JSONValue] = [:]
    for error in answer.json.member("Errors")?.elements.map({ $0 }) ?? [] {
      if let id = error.member("SecretId")?.text {
        errors[id] = error
      }
    }
    return lookups.map { lookup in
      if let value = values[lookup.id] {
        return self.value(in: value, lookup)
      }
      return errors[lookup.id].flatMap { failure($0, lookup, answer.credentials) }
    }
  }

  private func failure(
    _ json: JSONValue, _ lookup: SecretLookup, _ credentials: ResolvedCredentials
  ) -> FetchResult? {
    let error = AWSError(code: json.member("ErrorCode")?.text, message: json.member("Message")?.text)
    let failure = service.failures.failure(
      error, status: nil,
      about: .init(
        reference: lookup.description, action: service.action("GetSecretValue"), credentials: credentials))
    return failure.isRetriable ? nil : .failure(failure)
  }
}

/// The lookup fields of one reference.
struct SecretLookup: Sendable, CustomStringConvertible {
  static let currentStage = "AWSCURRENT"

  let id: String
  let versionID: String?
  let stage: String

  init(_ reference: Reference) {
    id = reference.lookup.text("secret_id") ?? ""
    versionID = reference.lookup.text("version_id")
    stage = reference.lookup.text("version_stage") ?? Self.currentStage
  }

  /// What a batch gives: it knows no versions.
  var isCurrent: Bool { versionID == nil && stage == Self.currentStage }

  var description: String {
    let name = DocumentPath.shown(id, atMost: 200)
    if let versionID {
      return "\(name) version \(DocumentPath.shown(versionID))"
    }
    return isCurrent ? name : "\(name) stage \(DocumentPath.shown(stage))"
  }
}
