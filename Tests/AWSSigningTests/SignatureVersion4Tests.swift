import HTTPTransport
import SecretBytes
import Testing
import Text

@testable import AWSSigning

@Suite struct SignatureVersion4Tests {
  static let signer = SignatureVersion4(region: SignatureVector.region, service: SignatureVector.service)

  static func credentials(token: String? = nil) -> AWSCredentials {
    AWSCredentials(
      accessKeyID: SignatureVector.accessKeyID, secretAccessKey: SecretBytes(SignatureVector.secretAccessKey),
      sessionToken: token.map { SecretBytes($0) })
  }

  @Test(arguments: SignatureVector.all)
  func givesThePublishedSignature(_ vector: SignatureVector) {
    let parts = vector.target.split(separator: "?", maxSplits: 1).map(String.init)
    var headers = vector.headers.map { HTTPHeader($0[0], $0[1]) }
    headers += [HTTPHeader("Host", SignatureVector.host), HTTPHeader("X-Amz-Date", "20150830T123600Z")]
    headers += vector.token.map { [HTTPHeader("X-Amz-Security-Token", $0)] } ?? []
    let canonical = CanonicalRequest(
      method: vector.method, path: parts[0], query: parts.count > 1 ? parts[1] : nil, headers: headers,
      body: vector.body.isEmpty ? nil : SecretBytes(vector.body), keepsPath: false)
    let authorization = Self.signer.authorization(
      canonical, Self.credentials(token: vector.token), CivilTime(unixTime: SignatureVector.wallSeconds))
    #expect(
      authorization
        == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        + "SignedHeaders=\(vector.signedHeaders), Signature=\(vector.signature)")
  }

  @Test(arguments: ["get-vanilla", "get-vanilla-query-order-value", "get-vanilla-with-session-token", "post-vanilla"])
  func addsDateTokenAndAuthorizationToARequest(_ name: String) throws {
    let vector = try #require(SignatureVector.all.first { $0.name == name })
    let request = HTTPRequest(
      method: HTTPMethod(rawValue: vector.method),
      url: try HTTPURL(parsing: "https://\(SignatureVector.host)\(vector.target)"))
    let added = Self.signer.headers(
      signing: request, with: Self.credentials(token: vector.token), at: SignatureVector.wallSeconds)
    #expect(
      added.map(\.name) == ["X-Amz-Date"] + (vector.token == nil ? [] : ["X-Amz-Security-Token"]) + ["Authorization"])
    #expect(added.first?.value.unsafeString() == "20150830T123600Z")
    #expect(added.last?.value.unsafeString()?.hasSuffix("Signature=\(vector.signature)") == true)
  }

  @Test func signsThePortThatIsNotTheSchemes() throws {
    func authorization(_ address: String) throws -> String? {
      let request = HTTPRequest(method: .get, url: try HTTPURL(parsing: address))
      return Self.signer.headers(signing: request, with: Self.credentials(), at: 0).last?.value.unsafeString()
    }
    #expect(try authorization("http://localhost:80/") == authorization("http://localhost/"))
    #expect(try authorization("http://localhost:8080/") != authorization("http://localhost/"))
  }

  @Test func leavesThePathOfS3AsItIsSent() {
    func path(_ keepsPath: Bool) -> String? {
      CanonicalRequest(method: "GET", path: "/a%20b//c", query: nil, headers: [], body: nil, keepsPath: keepsPath)
        .text.unsafeString()?.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().first.map(
          String.init)
    }
    #expect(path(false) == "/a%2520b/c")
    #expect(path(true) == "/a%20b//c")
  }

  @Test func doesNotSignWhatIsChangedOnTheWay() throws {
    let url = try HTTPURL(parsing: "https://example.com/")
    let plain = HTTPRequest(method: .get, url: url)
    let more = HTTPRequest(
      method: .get, url: url, headers: [HTTPHeader("User-Agent", "x"), HTTPHeader("Expect", "100-continue")])
    let first = Self.signer.headers(signing: plain, with: Self.credentials(), at: 0).last?.value
    #expect(first == Self.signer.headers(signing: more, with: Self.credentials(), at: 0).last?.value)
  }

  @Test(arguments: [
    ("", ""), ("a", "a="), ("a=b=c", "a=b%3Dc"), ("b&a", "a=&b="), ("a=%7e%2f", "a=~%2F"), ("a=%zz%2", "a=%25zz%252"),
    ("a=1+2", "a=1%2B2"), ("&&a=1&", "a=1"), ("a=2&a=1&A=3", "A=3&a=1&a=2"), ("a-b=1&a=2", "a=2&a-b=1"),
  ])
  func ordersAndEncodesTheQuery(query: String, expected: String) {
    #expect(CanonicalRequest.canonicalQuery(query) == expected)
  }

  @Test(arguments: [
    ("", "/"), ("/", "/"), ("/../..", "/"), ("/a/../../b", "/b"), ("/a/./b/", "/a/b/"), ("/a/..", "/"),
    ("/%2e%2e/a", "/%252e%252e/a"),
  ])
  func normalisesThePath(path: String, expected: String) {
    #expect(CanonicalRequest.canonicalPath(path) == expected)
  }

  @Test func digestsAsTheStandardSays() {
    #expect(
      SHA256.hexDigest(SecretBytes("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      SHA256.hexDigest(SecretBytes()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }

  @Test func authenticatesAsRFC4231Says() {
    let code = SHA256.authenticationCode("what do ya want for nothing?", key: SecretBytes("Jefe"))
    #expect(
      code.withUnsafeBytes { SHA256.hexadecimal($0) }
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  }
}

@Test func aClockBefore1970SignsThatYearsFirstSecond() throws {
  let request = HTTPRequest(method: .get, url: try HTTPURL(parsing: "https://sts.amazonaws.com/"))
  let credentials = AWSCredentials(accessKeyID: "AKID", secretAccessKey: SecretBytes("s"), sessionToken: nil)
  let headers = SignatureVersion4(region: "r", service: "sts").headers(signing: request, with: credentials, at: .min)
  #expect(headers.first { $0.name == "X-Amz-Date" }?.value.equals("19700101T000000Z") == true)
}
