import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// A store of named values: a password is given for a token, and one call reads up to ten values.
struct ToyProvider: SecretProvider {
  // MARK: - What documents say

  /// An entry of `secret_providers`.
  struct Connection: Sendable {
    let address: HTTPURL
    let login: Login
  }

  /// `auth.method` and its fields.
  struct Login: Sendable {
    let user: String
    let password: CredentialSource
  }

  /// An entry of `secrets`.
  struct Lookup: SecretLookup {
    let name: String

    var description: String { name }
  }

  static let batchSize = 10

  private static let address = Field<HTTPURL>(
    "address", .address, required: true, "the store, as https://toy.example.com")
  private static let user = Field<String>("user", .text, required: true, "who logs in")
  private static let password = CredentialField("password", "the password")
  private static let name = Field<String>(
    "name", .grammar(.word(1...64, "-", "1 to 64 letters, digits and '-'")), required: true, "name of the value")

  private static let authentication = Authentication<Login>(
    isRequired: true,
    methods: [
      LoginMethod(
        "password", "a user's password, given for a token", fields: [user.descriptor] + password.descriptors,
        rules: [password.rule]
      ) { values throws(FieldFault) in
        Login(user: try values.required(user), password: try password.source(in: values))
      }
    ])

  static let declaration = ProviderDeclaration<Connection, Lookup>(
    type: "toy", summary: "a store for tests: values by their names, up to ten a call",
    connection: [address.descriptor], authentication: authentication.descriptor,
    makeConnection: { values throws(FieldFault) in
      Connection(address: try values.fields.required(address), login: try authentication.login(of: values))
    },
    lookup: [name.descriptor],
    makeLookup: { values, _ throws(FieldFault) in Lookup(name: try values.required(name)) },
    batchSize: batchSize)

  // MARK: - What the agent asks for

  private let settings: Connection
  private let connection: OpenConnection
  private let session: Session<SecretBytes>

  init(_ settings: Connection, over connection: OpenConnection) {
    self.settings = settings
    self.connection = connection
    session = Session(over: connection) { () throws(ProviderFailure) in
      try await Self.grant(to: settings, over: connection)
    }
  }

  func logIn() async throws(ProviderFailure) -> LoginReport {
    let now = connection.services.time.now
    let grant = try await connection.login(to: session).grant
    return LoginReport(identity: "user \(settings.login.user)", lifetime: grant.until.map { now.duration(to: $0) })
  }

  func fetch(_ lookups: [Lookup]) async -> [FetchResult] {
    let batches = stride(from: 0, to: lookups.count, by: Self.batchSize).map {
      Array(lookups[$0..<min($0 + Self.batchSize, lookups.count)])
    }
    return await inOrder(batches, atMost: connection.services.limits.inFlight) { await batch($0) }.flatMap(\.self)
  }

  /// Revokes the token, if there is one: by one short attempt, since a store that is silent must not keep the agent.
  func close(_ reason: CloseReason) async {
    await session.end()
    guard let login = await session.held else {
      return
    }
    await session.forget(login)
    let request = connection.request(
      .delete, settings.address.appending(rawPath: "login"), [.bearer(login.credential)],
      timeout: connection.services.time.now.duration(to: connection.leavingEnd))
    _ = try? await connection.send(request, schedule: RetrySchedule(attempts: 1)) { _ in .accept }
  }

  // MARK: - Calls

  private static func grant(
    to settings: Connection, over connection: OpenConnection
  ) async throws(ProviderFailure) -> Session<SecretBytes>.Grant {
    let password = try connection.credential(settings.login.password)
    var form = FormBody()
    form.append("user", settings.login.user)
    form.append("password", password)
    let sentAt = connection.services.time.now
    let request = connection.request(.post, settings.address.appending(rawPath: "login"), body: form.finish())
    let response = try await connection.send(request, login: "login at the toy store") { response in
      response.status == 200
        ? .accept : .fail(refusal(response, of: connection, hint: "check user and password"))
    }
    let json = try connection.json(response, of: "the toy store", namedBy: "address")
    guard let token = json.member("token")?.secret, let seconds = json.member("seconds")?.int64 else {
      throw connection.failure(.malformed, "the login's answer has no token", response)
    }
    let life = Duration.seconds(min(max(seconds, 0), 86_400))
    return .init(
      credential: token.detached(), until: sentAt.advanced(by: life), renewAt: sentAt.advanced(by: life * 2 / 3))
  }

  /// One call for all of `lookups`, or one for each where the user may not use that.
  private func batch(_ lookups: [Lookup]) async -> [FetchResult] {
    let login: Session<SecretBytes>.Login
    do throws(ProviderFailure) {
      login = try await connection.login(to: session)
    } catch {
      // Of the login, and of none of the values that wait for it.
      return lookups.map { _ in .failure(error) }
    }
    do throws(ProviderFailure) {
      return try await connection.using(login, of: session, isRefused: Self.isLost) { login throws(ProviderFailure) in
        try await values(of: lookups, login.credential)
      }
    } catch {
      guard error.status == 403 else {
        return lookups.map { .failure(error.about($0.description)) }
      }
    }
    return await connection.fetchEach(lookups, with: session) { lookup, login throws(ProviderFailure) in
      try await value(of: lookup, login.credential)
    }
  }

  @Sendable private static func isLost(_ failure: ProviderFailure, _ login: Session<SecretBytes>.Login) async -> Bool {
    failure.kind == .denied && failure.status == 401
  }

  private func values(of lookups: [Lookup], _ token: SecretBytes) async throws(ProviderFailure) -> [FetchResult] {
    let now = connection.services.time.now
    let names = lookups.map(\.name).joined(separator: ",")
    let json = try await send(
      .get, settings.address.appending(rawPath: "values").with(query: [("names", names)]), token)
    guard let values = json.member("values") else {
      throw connection.failures.make(.malformed, "the answer has no values", from: .stranger)
    }
    return lookups.map { lookup in
      guard let value = values.member(lookup.name)?.secret else {
        return .failure(connection.failures.make(.missing, "no such value", reference: lookup.description))
      }
      return .success(FetchedSecret(payload: value.detached(), fetchedAt: now))
    }
  }

  private func value(of lookup: Lookup, _ token: SecretBytes) async throws(ProviderFailure) -> FetchedSecret {
    let now = connection.services.time.now
    let url = settings.address.appending(rawPath: "values/\(lookup.name)")
    let json = try await send(.get, url, token, about: lookup.description)
    guard let value = json.member("value")?.secret else {
      throw connection.failures.make(
        .malformed, "the answer has no value", reference: lookup.description, from: .stranger)
    }
    return FetchedSecret(payload: value.detached(), fetchedAt: now)
  }

  private func send(
    _ method: HTTPMethod, _ url: HTTPURL, _ token: SecretBytes, about reference: String? = nil
  ) async throws(ProviderFailure) -> JSONValue {
    let request = connection.request(method, url, [.bearer(token)])
    let response = try await connection.send(request, about: reference) { response in
      response.status == 200
        ? .accept : .fail(Self.refusal(response, of: connection, about: reference, hint: "check the name"))
    }
    return try connection.json(response, of: "the toy store", namedBy: "address", about: reference)
  }

  private static func refusal(
    _ response: HTTPResponse, of connection: OpenConnection, about reference: String? = nil, hint: String
  ) -> ProviderFailure {
    let kind: ProviderFailure.Class =
      switch response.status {
      case 401, 403: .denied
      case 404: .missing
      case 429: .throttled
      case 500...599: .transient
      default: .malformed
      }
    // The form of the store's own errors: no proxy, gateway or captive portal answers so.
    let error = connection.json(ifAny: response)?.member("toy_error")?.text
    return connection.failure(
      kind, connection.words(error) ?? "the store refused", response, about: reference,
      from: error == nil ? .stranger : .service, hint: hint)
  }
}
