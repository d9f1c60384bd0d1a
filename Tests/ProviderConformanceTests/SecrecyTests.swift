import HTTPTransport
import ProviderKit
import SecretBytes
import TestSupport
import Testing

/// What goes wrong on the way to a store.
struct Trouble: Sendable, CustomStringConvertible {
  let description: String
  let way: @Sendable (HTTPRequest) -> Wire.Way

  init(_ description: String, _ way: @escaping @Sendable (HTTPRequest) -> Wire.Way) {
    self.description = description
    self.way = way
  }

  static let all: [Trouble] =
    [
      Trouble("HTML in place of JSON") { _ in
        .answered(
          HTTPResponse(
            status: 200, headers: HTTPFields([("Content-Type", "text/html")]),
            body: SecretBytes("<html><body>\(Scene.secretMark) It works!</body></html>")))
      },
      Trouble("an empty body") { _ in .answered(.json(200, "")) },
      Trouble("an empty object") { _ in .answered(.json(200, "{}")) },
      Trouble("half of the body") { _ in
        .altered { $0.with($0.body.slice(0..<($0.body.count / 2))) }
      },
      Trouble("all but the end of the body") { _ in
        .altered { $0.with($0.body.slice(0..<max($0.body.count - 2, 0))) }
      },
      Trouble("a failure with the answer as its body") { _ in
        .altered { HTTPResponse(status: 502, headers: $0.headers, body: $0.body) }
      },
    ]
    + [400, 401, 403, 404, 429, 500].flatMap { status in
      Echo.allCases.map { echo in
        Trouble("\(status) that repeats the request, as \(echo.rawValue)") { .answered(echo.answer(status, to: $0)) }
      }
    }
}

/// How a careless server repeats what it was sent.
enum Echo: String, CaseIterable {
  case errorObject = "an object"
  case errorText = "words"
  case shortText = "short words"
  case xml = "XML"

  func answer(_ status: Int, to request: HTTPRequest) -> HTTPResponse {
    let whole = JSON.string(
      request.headers.map { $0.value.unsafeString() ?? "" }.joined(separator: " ") + request.bodyText)
    let short = JSON.string("not good: \(Self.secrets(of: request).joined(separator: " "))")
    switch self {
    case .errorObject:
      return .json(
        status,
        (["error": ["code": short, "message": whole, "status": short, "innererror": ["code": short]]] as JSON).text)
    case .errorText:
      return .json(status, Self.members(whole).text)
    case .shortText:
      return .json(status, Self.members(short).text)
    case .xml:
      let words = Self.secrets(of: request).joined(separator: " ")
      return .xml(
        status, "<ErrorResponse><Error><Code>\(words)</Code><Message>\(words)</Message></Error></ErrorResponse>")
    }
  }

  /// The members that any store's errors have, each with `words`.
  private static func members(_ words: JSON) -> JSON {
    [
      "errors": [words], "warnings": [words], "error": words, "error_description": words, "message": words,
      "Message": words, "code": words, "Code": words, "__type": words, "toy_error": words,
    ]
  }

  /// The words of a request that hold a credential, or a login that was given.
  private static func secrets(of request: HTTPRequest) -> [String] {
    let text = (request.headers.map { $0.value.unsafeString() ?? "" } + [request.bodyText]).joined(separator: " ")
    let marks = [Scene.secretMark] + ProviderUnderTest.all.flatMap { $0.store.tokenMarks }
    let words = text.split { " &,\"\n".contains($0) }.map { word in
      // Of a form's field its value; what follows a credential's own `=` is the credential's.
      let value = word.firstIndex(of: "=").map { word[word.index(after: $0)...] } ?? ""
      return marks.contains { value.contains($0) } ? value : word
    }
    return words.filter { word in marks.contains { word.contains($0) } }.map(String.init)
  }
}

extension HTTPResponse {
  func with(_ body: SecretBytes) -> HTTPResponse { HTTPResponse(status: status, headers: headers, body: body) }
}

@Suite(.timeLimit(.minutes(15))) struct SecrecyTests {
  /// What no message may have in it: of credentials and values, also in base64, and of logins that were given.
  private static func marks(of type: ProviderUnderTest) -> [String] {
    [Scene.secretMark, "c3dvcmRmaXNo"] + type.store.tokenMarks
  }

  /// Everything that can be seen of a failure.
  private static func texts(of failure: ProviderFailure) -> [String] {
    var dumped = ""
    dump(failure, to: &dumped)
    return [failure.line, "\(failure)", String(reflecting: failure), dumped]
  }

  /// The failures that show a secret, a line each.
  private static func leaks(in results: [FetchResult], _ type: ProviderUnderTest) -> Set<String> {
    let marks = marks(of: type)
    let leaking = results.compactMap(\.failure).filter { failure in
      texts(of: failure).contains { text in marks.contains { text.contains($0) } }
    }
    return Set(leaking.map(\.line))
  }

  private static func leaksOfTheLog(_ scene: Scene) -> Set<String> {
    let marks = marks(of: scene.type)
    return Set(
      scene.log.text.split(separator: "\n").filter { line in marks.contains { line.contains($0) } }.map(String.init))
  }

  /// Fetches and logs in over a connection of its own.
  private static func results(_ scene: Scene) async throws -> [FetchResult] {
    let connected = try scene.connect()
    var results = await connected.fetch([0, nil, 1])
    do throws(ProviderFailure) {
      _ = try await connected.provider.logIn()
    } catch {
      results.append(.failure(error))
    }
    await connected.provider.close(.ended)
    return results
  }

  @Test(arguments: ProviderUnderTest.remote)
  func aWrongCredentialIsInNoMessage(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      try scene.store.spoilCredentials()
      let results = try await Self.results(scene)
      #expect(results.count == 4 && results.allSatisfy { $0.failure?.kind == .denied })
      #expect(Self.leaks(in: results, type) == [])
      #expect(Self.leaksOfTheLog(scene) == [])
    }
  }

  @Test(arguments: ProviderUnderTest.remote)
  func noTroubleWithALoginPutsASecretIntoAMessage(_ type: ProviderUnderTest) throws {
    try Self.check(type, troubled: [.login])
  }

  @Test(arguments: ProviderUnderTest.remote)
  func noTroubleAroundALoginPutsASecretIntoAMessage(_ type: ProviderUnderTest) throws {
    try Self.check(type, troubled: [.step, .renewal, .revocation])
  }

  @Test(arguments: ProviderUnderTest.remote)
  func noTroubleWithAReadPutsASecretIntoAMessage(_ type: ProviderUnderTest) throws {
    try Self.check(type, troubled: [.value, .batch])
  }

  /// Each trouble in turn with the calls that are one of `parts`.
  private static func check(_ type: ProviderUnderTest, troubled parts: Set<CallPart>) throws {
    try Scene.run(type) { scene in
      for trouble in Trouble.all {
        scene.wire.rule { parts.contains(type.store.part(of: $0)) ? trouble.way($0) : .through }
        let results = try await results(scene)
        #expect(results.count >= 3, "\(trouble)")
        #expect(leaks(in: results, type) == [], "\(trouble)")
      }
      #expect(leaksOfTheLog(scene).count == 0)
    }
  }

  @Test(arguments: ProviderUnderTest.all)
  func valuesAreNotShown(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      let results = await connected.fetch([0, nil, 1])
      #expect(try results[0].get().payload.count > 0)
      var dumped = "\(results) \(String(reflecting: connected.references))"
      dump(results, to: &dumped)
      dump(connected.references, to: &dumped)
      for mark in Self.marks(of: type) {
        #expect(!dumped.contains(mark))
      }
      #expect(Self.leaksOfTheLog(scene) == [])
    }
  }
}
