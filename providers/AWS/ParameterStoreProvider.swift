import ExecutionModel
import JSONReader
import ProviderKit
import Text

/// One connection to AWS Systems Manager Parameter Store.
public struct ParameterStoreProvider: SecretProvider {
  public struct Lookup: SecretLookup {
    fileprivate static let name = Field<String>(
      "name", .text, required: true, "the parameter's name or ARN; `:3` or `:label` behind it chooses a version")
    fileprivate static let isDecrypted = Field<Bool>(
      "with_decryption", .boolean, defaultsTo: "true", "`false` gives a SecureString's ciphertext")

    /// As written, with the version or label behind it.
    let name: String
    /// The name alone, without the slash that a path starts with, and out of its ARN.
    let parameter: String
    /// Version number or label.
    let selector: String?
    let isDecrypted: Bool

    fileprivate init(_ values: FieldValues) throws(FieldFault) {
      name = try values.required(Self.name)
      isDecrypted = values[Self.isDecrypted] ?? true
      // The first five colons of an ARN (`arn:aws:ssm:region:account:parameter/…`) are its own.
      let fields = name.split(separator: ":", omittingEmptySubsequences: false)
      let isARN = fields.first == "arn" && fields.count >= 6
      let own = isARN ? 6 : 1
      var parameter = fields[own - 1]
      if isARN, parameter.hasPrefix("parameter/") {
        parameter = parameter.dropFirst("parameter".count)
      }
      self.parameter = String(parameter.drop { $0 == "/" })
      selector = fields.count > own ? fields[own...].joined(separator: ":") : nil
    }

    private init(_ lookup: Lookup, version: Int64) {
      let whole = lookup.selector.map { lookup.name.dropLast($0.count + 1) } ?? lookup.name[...]
      name = "\(whole):\(version)"
      parameter = lookup.parameter
      selector = String(version)
      isDecrypted = lookup.isDecrypted
    }

    /// The same parameter in another version.
    fileprivate func at(version: Int64) -> Lookup { Lookup(self, version: version) }

    public var previousObstacle: String? { nil }

    public var description: String { ShownText.clean(name, atMost: 200) }
  }

  /// How many names one GetParameters takes.
  private static let batchSize = 10

  /// `aws_parameter_store` (https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-parameter-store.html).
  public static let declaration = ProviderDeclaration<AWSConnection, Lookup>(
    type: "aws_parameter_store", aliases: ["aws_ssm", "aws_ssm_parameter_store"],
    summary: "AWS Systems Manager Parameter Store: String, StringList and SecureString parameters, up to 10 a call",
    connection: AWSConnection.fields, authentication: AWSLogin.declaration.descriptor,
    makeConnection: { values throws(FieldFault) in try AWSConnection(values) },
    lookup: [Lookup.name.descriptor, Lookup.isDecrypted.descriptor, PreviousVersion.field.descriptor],
    makeLookup: { values, _ throws(FieldFault) in try Lookup(values) },
    batchSize: batchSize)

  private let store: AWSStore
  private let batches: BatchFetch

  public init(_ settings: AWSConnection, over connection: OpenConnection) {
    store = AWSStore(.parameterStore, target: "AmazonSSM", settings, over: connection)
    batches = BatchFetch(
      over: connection, .parameterStore, "GetParameters", of: "parameter", denial: .ofActionOrResource)
  }

  public func checkAddresses() throws(ProviderFailure) { try store.service.checkAddress() }

  public func logIn() async throws(ProviderFailure) -> LoginReport { try await store.connection.report(store.session) }

  public func fetch(_ lookups: [Lookup]) async -> [FetchResult] {
    await batches.run(lookups, batches: Self.batches(of: lookups), single: single, batch: batch)
  }

  /// Versions are numbered from 1 without gaps; the store keeps the last hundred
  /// (https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html).
  public func pair(_ secret: FetchedSecret, of lookup: Lookup) async throws(ProviderFailure) -> FetchedSecret {
    guard let version = secret.version.flatMap({ Int64($0) }), version > 0 else {
      throw store.incomplete("Version", lookup.description)
    }
    guard version > 1 else {
      return secret.with(.absent("version 1 is the first"))
    }
    return try secret.with(await single(lookup.at(version: version - 1)))
  }

  /// By decryption, which is said for a whole call; and every parameter once only, so that no answer can be taken for that of
  /// another version.
  private static func batches(of lookups: [Lookup]) -> [[Int]] {
    [true, false].flatMap { isDecrypted in
      var seen: Set<String> = []
      return lookups.indices.filter {
        lookups[$0].isDecrypted == isDecrypted && seen.insert(lookups[$0].parameter).inserted
      }
      .chunks(of: batchSize)
    }
  }

  /// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
  private func single(_ lookup: Lookup) async -> FetchResult {
    await store.fetch("GetParameter", about: lookup.description) { json in
      json.member("Name", lookup.name)
      json.name("WithDecryption")
      json.boolean(lookup.isDecrypted)
    } read: { json throws(ProviderFailure) in
      guard let parameter = json.member("Parameter") else {
        throw store.incomplete("Parameter", lookup.description)
      }
      return try value(of: parameter, lookup)
    }
  }

  private func value(of parameter: JSONValue, _ lookup: Lookup) throws(ProviderFailure) -> FetchedSecret {
    guard let value = parameter.member("Value")?.secret else {
      throw store.incomplete("Value", lookup.description)
    }
    return store.value(value.detached(), version: parameter.member("Version")?.int64.map(String.init))
  }

  /// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
  private func batch(_ lookups: [Lookup]) async -> BatchFetch.Outcome {
    await store.fetchBatch("GetParameters", values: lookups.count) { json in
      json.member("Names", lookups.map(\.name))
      json.name("WithDecryption")
      json.boolean(lookups.allSatisfy(\.isDecrypted))
    } read: { json, identity in
      results(of: json, lookups, identity)
    }
  }

  /// Values by name or ARN with what was chosen behind it. What is neither among them nor among the invalid is asked for by itself.
  private func results(
    of json: JSONValue, _ lookups: [Lookup], _ identity: ResolvedCredentials
  ) -> [FetchResult?] {
    var values: [String: JSONValue] = [:]
    for parameter in json.member("Parameters")?.elements.map({ $0 }) ?? [] {
      for name in ["Name", "ARN"].compactMap({ parameter.member($0)?.text }) {
        values[[name, parameter.member("Selector")?.text].compactMap { $0 }.joined()] = parameter
      }
    }
    let invalid = Set(json.member("InvalidParameters")?.elements.compactMap(\.text) ?? [])
    return lookups.map { lookup -> FetchResult? in
      if let parameter = values[lookup.name] {
        return FetchResult { () throws(ProviderFailure) in try value(of: parameter, lookup) }
      }
      guard invalid.contains(lookup.name) else {
        return nil
      }
      let error = AWSError(
        name: lookup.selector == nil ? "ParameterNotFound" : "ParameterVersionNotFound", message: nil)
      return .failure(
        store.failure(
          error, about: .init(reference: lookup.description, operation: "GetParameters", identity: identity)))
    }
  }
}
