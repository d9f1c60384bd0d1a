/// A provider type: what documents may say of it, and the Swift types that its adapter gets in their place.
public struct ProviderDeclaration<Connection: Sendable, Lookup: SecretLookup>: Sendable {
  public let descriptor: ProviderDescriptor

  /// The other parameters are those of ``ProviderDescriptor``.
  ///
  /// - Parameters:
  ///   - makeConnection: what the adapter reads of an entry of `secret_providers`; sends nothing, and throws what no rule can say.
  ///   - makeLookup: the same of an entry of `secrets`, held against its connection.
  public init(
    type: String, aliases: [String] = [], summary: String,
    connection: [FieldDescriptor] = [], connectionRules: [FieldRule] = [],
    connectionDefaults: [String: @Sendable (ExecutionNames) -> String] = [:],
    authentication: AuthenticationDescriptor? = nil,
    makeConnection: @escaping @Sendable (ConnectionValues) throws(FieldFault) -> Connection,
    lookup: [FieldDescriptor], lookupRules: [FieldRule] = [], pinningFields: [String] = [],
    makeLookup: @escaping @Sendable (FieldValues, Connection) throws(FieldFault) -> Lookup,
    fieldIsRequired: Bool = false, refreshDefault: ProviderDescriptor.RefreshDefault = .every(seconds: 3600),
    outputs: [ProviderDescriptor.Output] = [], fieldNames: [String] = [], batchSize: Int = 1
  ) {
    descriptor = ProviderDescriptor(
      type: type, aliases: aliases, summary: summary, connection: connection, connectionRules: connectionRules,
      connectionDefaults: connectionDefaults, authentication: authentication, lookup: lookup, lookupRules: lookupRules,
      fieldIsRequired: fieldIsRequired, refreshDefault: refreshDefault, outputs: outputs, fieldNames: fieldNames,
      batchSize: batchSize, pinningFields: pinningFields,
      makeSettings: { values throws(FieldFault) in try makeConnection(values) },
      makeLookup: { values, settings throws(FieldFault) in
        guard let connection = settings as? Connection else {
          throw FieldFault("from", "names a provider of another type")
        }
        return try makeLookup(values, connection)
      })
  }
}

/// The validated values of an entry of `secret_providers`.
public struct ConnectionValues: Sendable, Hashable {
  public let fields: FieldValues
  /// `auth.method`, as written or inferred; `nil` where the type takes no `auth` block.
  public let method: String?
  public let authentication: FieldValues

  public init(fields: FieldValues, method: String?, authentication: FieldValues) {
    self.fields = fields
    self.method = method
    self.authentication = authentication
  }
}
