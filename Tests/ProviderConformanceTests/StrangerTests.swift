import HTTPTransport
import ProviderKit
import SecretBytes
import TestSupport
import Testing

/// A page of a proxy, a gateway or a captive portal says nothing of the store's, whatever its status.
@Suite(.timeLimit(.minutes(15))) struct StrangerTests {
  struct Page: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let answer: HTTPResponse

    init(_ status: Int, _ type: String, _ body: String) {
      testDescription = "\(status) \(type) \(body.prefix(40))"
      answer = HTTPResponse(
        status: status,
        headers: HTTPFields([
          ("Content-Type", type), ("WWW-Authenticate", "Basic realm=\"guests\""),
          ("x-amzn-ErrorType", "MissingAuthenticationTokenException"),
        ]),
        body: SecretBytes(body))
    }

    /// JSON as gateways give it, some of it near to a service's own form.
    static let gateways: [Page] =
      [
        #"{"message":"Forbidden"}"#, #"{"message":"no Route matched with those values","request_id":"1"}"#,
        #"{"error":"not found"}"#, #"{"error":{"code":404,"message":"not found"}}"#, #"{"error":{"code":404}}"#,
        #"{"error":{"status":"NOT_FOUND"}}"#, #"{"error":null}"#, #"{"error":true,"status":"denied"}"#,
        #"{"errors":[{"code":404}]}"#, #"{"errors":"x"}"#, #"{"errors":null}"#, #"{"errors":{}}"#,
        #"{"code":"AccessDenied","message":"x"}"#, #"{"data":null}"#, #"{"data":{}}"#, #"{"auth":null}"#,
        #"{"title":"Forbidden","status":403,"detail":"x"}"#,
      ].flatMap { body in [403, 404].map { Page($0, "application/json", body) } }
      + empty
      + [#"{"data":null}"#, #"{"data":{}}"#, #"{"auth":null}"#, "null"].map { Page(200, "application/json", $0) }

    static let pages =
      [200, 400, 401, 403, 404, 410].map { Page($0, "text/html", "<html><body>Sign in</body></html>") } + [
        Page(401, "text/html", ""), Page(403, "text/plain", "Forbidden\n"), Page(404, "text/html", "<!DOCTYPE html>\n"),
        Page(403, "application/xhtml+xml", "<?xml version=\"1.0\"?><html><head><title>x</title></head></html>"),
        Page(403, "application/json", "\"forbidden\""), Page(404, "application/json", "[]"),
        Page(404, "application/json", "{\"error\""),
        Page(403, "text/xml", "<Error><Message>x</Message></Error>"),
      ]

    static let empty = [200, 400, 401, 403, 404, 410].map { Page($0, "application/json", "{}") }

    static let all = pages + gateways
  }

  private static func stand(inFrontOf scene: Scene, _ page: Page) {
    let store = scene.type.store
    scene.wire.rule { store.asksMachine($0) ? .through : .answered(page.answer) }
  }

  private static func expectNothingTaken(_ results: [FetchResult], sourceLocation: SourceLocation = #_sourceLocation) {
    for result in results {
      let failure = result.failure
      #expect(failure?.kind == .malformed, "\(failure?.line ?? "none")", sourceLocation: sourceLocation)
      #expect(failure?.forfeits == false, sourceLocation: sourceLocation)
      #expect(failure?.source == .stranger, "\(failure?.line ?? "none")", sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: ProviderUnderTest.remote, Page.all)
  func aPageInThePlaceOfAnAnswerTakesNothingBack(_ type: ProviderUnderTest, _ page: Page) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      await connected.read(0..<3)
      let logins = scene.sent(.login)
      Self.stand(inFrontOf: scene, page)
      Self.expectNothingTaken(await connected.fetch(0..<3))
      scene.wire.calm()
      await connected.read(0..<3)
      #expect(scene.sent(.login) == logins, "the login that is held is good")
    }
  }

  @Test(arguments: ProviderUnderTest.remote, Page.all)
  func aPageInThePlaceOfALoginIsNoRefusal(_ type: ProviderUnderTest, _ page: Page) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      Self.stand(inFrontOf: scene, page)
      Self.expectNothingTaken(await connected.fetch(0..<2))
      scene.wire.calm()
      scene.pass(.seconds(120))
      await connected.read(0..<2)
    }
  }

  @Test(arguments: ProviderUnderTest.remote, Page.pages + Page.empty)
  func aPageInThePlaceOfARenewalLeavesTheLogin(_ type: ProviderUnderTest, _ page: Page) throws {
    try Scene.run(type, standingStill: true) { scene in
      let connected = try scene.connect()
      await connected.read(0..<2)
      let store = type.store
      scene.wire.rule { request in
        [.login, .renewal].contains(store.part(of: request)) ? .answered(page.answer) : .through
      }
      scene.pass(.seconds(3510))
      for _ in 0..<100 {
        await connected.read(0..<2)
      }
    }
  }

  @Test(arguments: ProviderUnderTest.remote)
  func whatTheStoreItselfRefusesIsTakenBack(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      await connected.read(0..<2)
      scene.wire.rule { request in type.store.refusal(of: request).map { .answered($0) } ?? .through }
      #expect(await connected.fetch(0..<2).allSatisfy { $0.failure?.forfeits == true })
      scene.wire.calm()
      if type.hasNames {
        #expect(await connected.fetch([nil]).allSatisfy { $0.failure?.forfeits == true })
      }
    }
  }
}
