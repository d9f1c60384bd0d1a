import Testing
import Text

@testable import HTTPTransport

struct HTTPURLTests {
  @Test func anAddressIsTakenApart() throws {
    let url = try HTTPURL(parsing: "https://Vault.Example:8200/v1/sys?standbyok=true&x=%20")
    #expect(url.scheme == .https)
    #expect(url.host == "vault.example")
    #expect(url.port == 8200)
    #expect(url.path == "/v1/sys")
    #expect(url.query == "standbyok=true&x=%20")
    #expect(url.description == "https://vault.example:8200/v1/sys?standbyok=true&x=%20")
    #expect(url.origin == "https://vault.example:8200")
  }

  @Test(arguments: [
    ("http://vault", 80, "http://vault/"), ("https://vault", 443, "https://vault/"),
    ("https://vault:443/a", 443, "https://vault/a"), ("http://vault:443", 443, "http://vault:443/"),
    ("HTTPS://vault", 443, "https://vault/"), ("http://vault:65535/", 65535, "http://vault:65535/"),
    ("http://vault:", 80, "http://vault/"),
  ])
  func theSchemeGivesThePort(_ text: String, _ port: Int, _ description: String) throws {
    let url = try HTTPURL(parsing: text)
    #expect(url.port == port)
    #expect(url.description == description)
  }

  @Test(arguments: ["http://[::1]:8200/v1", "http://[2001:db8::1]/", "http://[::ffff:127.0.0.1]:1/"])
  func aHostOfIPv6KeepsItsBrackets(_ text: String) throws {
    let url = try HTTPURL(parsing: text)
    #expect(url.host.first == "[" && url.host.last == "]")
    #expect(url.scheme == .http)
    let again = try HTTPURL(parsing: url.description)
    #expect(again == url)
  }

  @Test(arguments: [
    "http://user@vault/", "https://user:password@vault/", "https://:password@vault/",
    "https://good.example@evil.example/",
    "https://good.example%40x@evil.example/",
  ])
  func aUserIsRefused(_ text: String) {
    #expect(throws: URLFault.hasUser) { try HTTPURL(parsing: text) }
  }

  @Test(arguments: ["https://vault/#here", "https://vault/a?b=c#d", "https://vault#x"])
  func aFragmentIsRefused(_ text: String) {
    #expect(throws: URLFault.hasFragment) { try HTTPURL(parsing: text) }
  }

  @Test(arguments: [
    "ftp://vault/", "file:///etc/passwd", "gopher://vault/", "ldap://vault/", "unix:///run/vault.sock",
    "javascript://vault/",
  ])
  func otherSchemesAreRefused(_ text: String) {
    #expect(throws: URLFault.notHTTP) { try HTTPURL(parsing: text) }
  }

  @Test(arguments: [
    "http://vault:0/", "http://vault:99999/", "http://vault:65536/", "http://vault:-1/", "http://vault:8x/",
    "http://vault:184467440737095516160/", "http://vault:80:80/",
  ])
  func aPortThatIsNoneIsRefused(_ text: String) {
    #expect(throws: URLFault.badPort) { try HTTPURL(parsing: text) }
  }

  @Test(arguments: [
    "", "/", "vault", "vault:8200", "//vault/", "http:", "http://", "https:///v1", "https://?x", "http://[::1",
    "http://[::1]x/", "http://[vault]/", "http://[]/", "http://va ult/", "http://vault/a b", " http://vault/",
    "http://vault/\r\nX-Injected: 1", "http://vault\u{0}.evil/", "http://vault/\u{0}", "http://vault/\u{7f}",
    "http://vault/\t", "http://va%00ult/", "http://va%0d%0ault/", "http://a/b\u{1b}[31m", "http:/vault/", "http:vault",
    "https:////v1", "http://a\\b/", "http://va%2fult/",
  ])
  func otherTextIsRefused(_ text: String) {
    #expect(throws: URLFault.self) { try HTTPURL(parsing: text) }
  }

  @Test func dotsInAPathAreTakenOutAndThoseOfARawPathAreNot() throws {
    let url = try HTTPURL(parsing: "https://vault/v1/a/../b/./c?d=..")
    #expect(url.path == "/v1/b/c")
    #expect(url.query == "d=..")
    #expect(url.appending(rawPath: "../x").path == "/v1/b/c/../x")
  }

  @Test func aHugeTextIsRefusedOrTakenWithoutHarm() throws {
    #expect(throws: URLFault.self) { try HTTPURL(parsing: "http://" + String(repeating: "a", count: 9_000_000)) }
    let long = try HTTPURL(parsing: "http://vault/" + String(repeating: "a", count: 100_000))
    #expect(long.path.utf8.count == 100_001)
  }

  @Test func aFaultSaysWhyWithoutTheText() {
    let faults: [URLFault] = [.malformed, .notHTTP, .hasUser, .hasFragment, .badPort]
    #expect(Set(faults.map(\.description)).count == faults.count)
    let fault = #expect(throws: URLFault.self) { try HTTPURL(parsing: "https://user:marker-0c1f@vault/") }
    #expect(fault.map { "\($0)" }?.contains("marker-0c1f") == false)
  }

  @Test(arguments: [
    "http://localhost", "http://LOCALHOST:1/", "http://vault.localhost/", "http://127.0.0.1/",
    "http://127.255.255.254/",
    "http://[::1]:8200/", "http://[0:0:0:0:0:0:0:1]/",
    // libcurl writes numbers as the address that they connect to.
    "http://2130706433/", "http://0x7f000001/", "http://127.1/", "http://017700000001/",
  ])
  func loopbackIsKnownByItsName(_ text: String) throws {
    #expect(try HTTPURL(parsing: text).isLoopbackHost)
  }

  @Test(arguments: [
    "http://vault/", "http://localhost.example/", "http://notlocalhost/", "http://127.0.0.1.example/",
    "http://128.0.0.1/",
    "http://0.0.0.0/", "http://[::]/", "http://[::2]/", "http://127.0.0.256/", "http://127.0.0.08/",
    "http://127.0.0.+1/",
    "http://[::ffff:169.254.169.254]/", "http://localhost./", "http://10.0.0.1/127.0.0.1",
  ])
  func otherHostsAreNotLoopback(_ text: String) throws {
    // Text that is no address at all is as good.
    #expect((try? HTTPURL(parsing: text))?.isLoopbackHost != true)
  }

  // MARK: - Building paths

  @Test func aPathIsAppendedWithEverythingEncodedButUnreserved() throws {
    let base = try HTTPURL(parsing: "https://vault/v1/")
    #expect(base.appending(rawPath: "secret/data/web").path == "/v1/secret/data/web")
    #expect(base.appending(rawPath: "a b?c#d%2e").path == "/v1/a%20b%3Fc%23d%252e")
    #expect(base.appending(rawPath: "ä\r\n\u{0}").path == "/v1/%C3%A4%0D%0A%00")
    #expect(base.appending(rawPath: "AZaz09-._~").path == "/v1/AZaz09-._~")
    #expect(base.appending(rawPath: ";:@&=+$,!*'()").path == "/v1/%3B%3A%40%26%3D%2B%24%2C%21%2A%27%28%29")
  }

  @Test func anAppendedPathCannotReachTheHostTheQueryOrAFragment() throws {
    let base = try HTTPURL(parsing: "https://vault:8200?x=1")
    for hostile in ["@evil.example/", "//evil.example/", "\\evil", "?y=2", "#f", "https://evil.example"] {
      let built = base.appending(rawPath: hostile)
      let parsed = try HTTPURL(parsing: built.description)
      #expect(parsed.host == "vault" && parsed.port == 8200)
      #expect(parsed.query == "x=1")
      #expect(parsed == built)
    }
  }

  @Test func queryItemsAreEncodedAndReplaceTheQuery() throws {
    let url = try HTTPURL(parsing: "https://vault/v1?old=1").with(query: [
      ("a b", "c&d=e"), ("list", "true"), ("é", ""),
    ])
    #expect(url.query == "a%20b=c%26d%3De&list=true&%C3%A9=")
    #expect(try HTTPURL(parsing: url.description) == url)
  }
}
