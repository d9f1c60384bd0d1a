/// The `auth` block of a provider type whose adapter reads it as a `Login`.
public struct Authentication<Login: Sendable>: Sendable {
  public let descriptor: AuthenticationDescriptor
  private let methods: [LoginMethod<Login>]

  /// The parameters are those of ``AuthenticationDescriptor``.
  public init(
    isRequired: Bool, methods: [LoginMethod<Login>], commonFields: [FieldDescriptor] = [],
    defaultMethod: String? = nil
  ) {
    self.methods = methods
    descriptor = AuthenticationDescriptor(
      isRequired: isRequired, methods: methods.map(\.descriptor), commonFields: commonFields,
      defaultMethod: defaultMethod)
  }

  /// The login that a validated block asks for.
  public func login(of connection: ConnectionValues) throws(FieldFault) -> Login {
    guard let method = methods.first(where: { $0.descriptor.name == connection.method }) else {
      throw FieldFault("auth.method", "required")
    }
    do throws(FieldFault) {
      return try method.make(connection.authentication)
    } catch {
      throw FieldFault("auth.\(error.field)", error.message)
    }
  }
}

/// One `auth.method` and how its fields become a login.
public struct LoginMethod<Login: Sendable>: Sendable {
  public let descriptor: AuthenticationMethod
  let make: @Sendable (FieldValues) throws(FieldFault) -> Login

  public init(
    _ name: String, aliases: [String] = [], _ summary: String, fields: [FieldDescriptor] = [], rules: [FieldRule] = [],
    identity: PlatformIdentity? = nil, make: @escaping @Sendable (FieldValues) throws(FieldFault) -> Login
  ) {
    descriptor = AuthenticationMethod(name, aliases: aliases, summary, fields: fields, rules: rules, identity: identity)
    self.make = make
  }
}
