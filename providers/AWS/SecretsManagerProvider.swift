import ExecutionModel
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// One connection to AWS Secrets Manager.
public struct SecretsManagerProvider: SecretProvider {
  public struct Lookup: SecretLookup {
    enum Version: Hashable, Sendable {
      case id(String)
      case stage(String)
    }

    fileprivate static let id = Field<String>("secret_id", .text, required: true, "the secret's name or ARN")
    fileprivate static let versionID = Field<String>(
      "version_id", .text, "id of a version; pinned, so never refreshed")
    fileprivate static let versionStage = Field<String>(
      "version_stage", .text, defaultsTo: currentStage, "staging label of a version")
    private static let currentStage = "AWSCURRENT"

    let id: String
    let version: Version

    fileprivate init(_ values: FieldValues) throws(FieldFault) {
      id = try values.required(Self.id)
      version = values[Self.versionID].map { .id($0) } ?? .stage(values[Self.versionStage] ?? Self.currentStage)
    }

    private init(_ lookup: Lookup, stage: String) {
      id = lookup.id
      version = .stage(stage)
    }

    /// The version that was current before.
    fileprivate var beforeCurrent: Lookup { Lookup(self, stage: "AWSPREVIOUS") }

    public var previousObstacle: String? {
      isCurrent
        ? nil : "the service marks the version before the current one only; leave version_id and version_stage out"
    }

    /// What a batch gives: it knows no versions.
    var isCurrent: Bool { version == .stage(Self.currentStage) }

    public var description: String {
      let name = ShownText.clean(id, atMost: 200)
      return switch version {
      case .id(let version): "\(name) version \(ShownText.clean(version))"
      case .stage(let stage): isCurrent ? name : "\(name) stage \(ShownText.clean(stage))"
      }
    }
  }

  /// How many secrets one BatchGetSecretValue takes.
  private static let batchSize = 20

  /// `aws_secrets_manager` (https://docs.aws.amazon.com/secretsmanager/latest/apireference/).
  public static let declaration = ProviderDeclaration<AWSConnection, Lookup>(
    type: "aws_secrets_manager", summary: "AWS Secrets Manager: text and binary secrets, up to 20 a call",
    connection: AWSConnection.fields, authentication: AWSLogin.declaration.descriptor,
    makeConnection: { values throws(FieldFault) in try AWSConnection(values) },
    lookup: [
      Lookup.id.descriptor, Lookup.versionID.descriptor, Lookup.versionStage.descriptor,
      PreviousVersion.field.descriptor,
    ],
    lookupRules: [.atMostOne(["version_id", "version_stage"])], pinningFields: ["version_id"],
    makeLookup: { values, _ throws(FieldFault) in try Lookup(values) },
    batchSize: batchSize)

  private let store: AWSStore
  private let batches: BatchFetch

  public init(_ settings: AWSConnection, over connection: OpenConnection) {
    store = AWSStore(.secretsManager, target: "secretsmanager", settings, over: connection)
    batches = BatchFetch(over: connection, .secretsManager, "BatchGetSecretValue", of: "secret", denial: .ofAction)
  }

  public func checkAddresses() throws(ProviderFailure) { try store.service.checkAddress() }

  public func logIn() async throws(ProviderFailure) -> LoginReport { try await store.connection.report(store.session) }

  public func fetch(_ lookups: [Lookup]) async -> [FetchResult] {
    let current = lookups.indices.filter { lookups[$0].isCurrent }
    return await batches.run(lookups, batches: current.chunks(of: Self.batchSize), single: single, batch: batch)
  }

  /// How often a pair is looked at anew where a rotation came between its two reads.
  private static let pairAttempts = 3

  /// The labels move together, but are read by two calls: what is current must be so before and after the other was read.
  public func pair(_ secret: FetchedSecret, of lookup: Lookup) async throws(ProviderFailure) -> FetchedSecret {
    var current = secret
    for _ in 0..<Self.pairAttempts {
      let pair = try current.with(await single(lookup.beforeCurrent))
      let after = try await single(lookup).get()
      if after.version == current.version {
        return pair
      }
      current = after
    }
    throw store.connection.failures.make(
      .transient, "the secret was rotated each time that it was read with the version before",
      reference: lookup.description)
  }

  /// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
  private func single(_ lookup: Lookup) async -> FetchResult {
    await store.fetch("GetSecretValue", about: lookup.description) { json in
      json.member("SecretId", lookup.id)
      switch lookup.version {
      case .id(let version): json.member("VersionId", version)
      case .stage(let stage): if !lookup.isCurrent { json.member("VersionStage", stage) }
      }
    } read: { json throws(ProviderFailure) in
      try value(in: json, lookup)
    }
  }

  /// Text as it is, binary out of its base64.
  private func value(in json: JSONValue, _ lookup: Lookup) throws(ProviderFailure) -> FetchedSecret {
    let version = json.member("VersionId")?.text.map { ShownText.clean($0) }
    if let text = json.member("SecretString")?.secret {
      return store.value(text.detached(), version: version)
    }
    guard let encoded = json.member("SecretBinary")?.secret else {
      throw store.incomplete("SecretString or SecretBinary", lookup.description)
    }
    guard let bytes = Base64.decode(encoded) else {
      throw store.incomplete("SecretBinary in base64", lookup.description)
    }
    return store.value(bytes, version: version)
  }

  /// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
  private func batch(_ lookups: [Lookup]) async -> BatchFetch.Outcome {
    await store.fetchBatch("BatchGetSecretValue", values: lookups.count) { json in
      json.member("SecretIdList", lookups.map(\.id))
    } read: { json, identity in
      results(of: json, lookups, identity)
    }
  }

  /// Values by name or ARN, errors by the id asked for. What the answer leaves out (it promises no completeness), and what may
  /// pass, is asked for once more by itself.
  private func results(
    of json: JSONValue, _ lookups: [Lookup], _ identity: ResolvedCredentials
  ) -> [FetchResult?] {
    var values: [String: JSONValue] = [:]
    for value in json.member("SecretValues")?.elements.map({ $0 }) ?? [] {
      for key in ["Name", "ARN"].compactMap({ value.member($0)?.text }) {
        values[key] = value
      }
      // The service adds a dash and six characters to the name, and finds a secret without them too.
      if let arn = value.member("ARN")?.text, arn.count > 7, values[String(arn.dropLast(7))] == nil {
        values[String(arn.dropLast(7))] = value
      }
    }
    var errors: [String: JSONValue] = [:]
    for error in json.member("Errors")?.elements.map({ $0 }) ?? [] {
      if let id = error.member("SecretId")?.text {
        errors[id] = error
      }
    }
    return lookups.map { lookup -> FetchResult? in
      if let value = values[lookup.id] {
        return FetchResult { () throws(ProviderFailure) in try self.value(in: value, lookup) }
      }
      guard let error = errors[lookup.id] else {
        return nil
      }
      let failure = store.failure(
        AWSError(name: error.member("ErrorCode")?.text, message: error.member("Message")?.text),
        about: .init(reference: lookup.description, operation: "GetSecretValue", identity: identity))
      return failure.isRetriable ? nil : .failure(failure)
    }
  }
}
