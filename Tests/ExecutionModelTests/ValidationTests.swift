import ExecutionModel
import SecretBytes
import Testing

private let good = #""mount": "secret", "secret_path": "web", "field": "password""#

@Test func aGoodDocumentHasNoFault() {
  #expect(faults(spec(secrets: #""A": {"from": "v", \#(good)}, "B": {"from": "f", "path": "/etc/b"}"#)).isEmpty)
}

@Test func everyFaultIsFoundInOnePass() {
  let text = #"""
    {"secret_providers": {
       "a": {"provider": "hashicorp_volt"},
       "b": {"provider": "hashicorp_vault", "address": "vault:8200", "auth": {"method": "approle", "role_id": "r"}},
       "c": {"provider": "file"}},
     "secrets": {
       "NO_FIELD": {"from": "c"},
       "WRONG_FROM": {"from": "d"},
       "bad name": {"from": "c", "path": "/x"},
       "NEGATIVE": {"from": "c", "path": "/x", "refresh": -1},
       "RELATIVE": {"from": "c", "path": "x"}}}
    """#
  let paths = faults(text).map { $0.prefix { $0 != ":" } }
  #expect(
    Set(paths) == [
      "secret_providers.a.provider", "secret_providers.b.address", "secret_providers.b.auth", "secrets.NO_FIELD.path",
      "secrets.WRONG_FROM.from", "secrets.bad name", "secrets.NEGATIVE.refresh", "secrets.RELATIVE.path",
    ])
  #expect(faults(text).contains { $0.contains("did you mean \"hashicorp_vault\"") })
}

@Test func aMissingFieldSaysForWhichType() {
  let lines = faults(spec(secrets: #""DB_PASSWORD": {"from": "v", "mount": "m", "secret_path": "p"}"#))
  #expect(lines.first?.hasPrefix("secrets.DB_PASSWORD.field: required for hashicorp_vault") == true)
}

@Test func anUnknownKeyIsAWarningWithTheNearestOne() throws {
  let text = spec(secrets: #""A": {"from": "v", \#(good), "secrat_path": "x"}"#)
  let (_, warnings) = try catalog.validate(ExecutionDocument(SecretBytes(text)).item(nil))
  #expect(warnings.map(\.severity) == [.warning])
  #expect(warnings.first?.message.contains("did you mean \"secret_path\"") == true)
}

@Test func aKeyOfAnotherTypeIsAnError() {
  let lines = faults(spec(secrets: #""A": {"from": "v", \#(good), "path": "/x"}"#))
  #expect(lines == ["secrets.A.path: belongs to file, not to hashicorp_vault; remove it"])
  let provider = providerFaults(#"{"secret_providers": {"f": {"provider": "file", "address": "https://x"}}}"#)
  #expect(provider == ["secret_providers.f.address: belongs to hashicorp_vault, not to file; remove it"])
}

@Test func aKeyOfAnotherMethodIsAnError() {
  let lines = faults(spec(secrets: "", auth: #"{"method": "static", "token": "t", "role_id": "r"}"#))
  #expect(lines.first?.contains("belongs to method approle") == true)
}

@Test(arguments: [
  (#"{"method": "approle", "role_id": "a", "role_id_file": "/a", "secret_id": "s"}"#, "exclude each other"),
  (#"{"method": "approle", "role_id": "a"}"#, "needs one of secret_id, secret_id_file, secret_id_env"),
  (#"{"method": "static"}"#, "needs one of token"),
  (#"{"method": "jwt", "jwt": "x"}"#, "required"),
  (#"{"method": "telepathy"}"#, "expected one of approle, kubernetes, jwt, static, file"),
  (#"{}"#, "required"),
  (#"{"mount_path": "auth/x"}"#, "several may be meant; write one of approle, kubernetes, jwt, static, file"),
  (#"[]"#, "required"), (#"[1]"#, "expected an object"),
  (#"{"method": "file", "path": "relative"}"#, "absolute path"),
  (#"{"method": "static", "token_env": "9 lives"}"#, "environment variable"),
  (#"{"method": "static", "token": 3}"#, "expected a string"),
])
func authenticationIsHeldToItsRules(_ auth: String, _ expected: String) {
  let lines = faults(spec(secrets: "", auth: auth))
  #expect(lines.count == 1)
  #expect(lines.first?.contains(expected) == true, "\(lines)")
}

@Test func aFaultyProviderDoesNotBlameItsSecrets() {
  let lines = faults(spec(secrets: #""A": {"from": "v", \#(good)}"#, auth: "3"))
  #expect(lines.count == 1)
}

@Test func tlsKeyAndCertificateGoTogether() {
  let lines = faults(spec(secrets: "", more: #", "tls": {"client_cert": "/c.pem"}"#))
  #expect(lines.count == 1)
  #expect(lines.first?.contains("tls.client_key") == true)
  #expect(
    faults(spec(secrets: "", more: #", "tls": {"client_cert": "/c", "client_key": "/k", "skip_verify": false}"#))
      .isEmpty)
}

@Test func aVersionNeedsKVVersion2() {
  func lines(_ more: String) -> [String] { faults(spec(secrets: #""A": {"from": "v", \#(good), \#(more)}"#)) }
  #expect(lines(#""version": 3"#).isEmpty)
  #expect(lines(#""version": 3, "engine_version": 2"#).isEmpty)
  #expect(lines(#""version": 3, "engine_version": 1"#).first?.hasPrefix("secrets.A.version") == true)
  #expect(lines(#""engine_version": 3"#).first?.contains("1 or 2") == true)
  #expect(lines(#""version": 0"#).isEmpty)
  #expect(lines(#""version": "0""#).count == 1)
  #expect(lines(#""version": -1"#).count == 1)
  #expect(lines(#""version": 99999999999999999999"#).count == 1)
}

@Test(arguments: ["../x", "a//b", "/", "//", ".", "a/../b", "a\\u0000b", ""])
func aRemotePathCannotClimb(_ path: String) {
  let text = spec(secrets: #""A": {"from": "v", "mount": "secret", "field": "f", "secret_path": "\#(path)"}"#)
  #expect(faults(text).count == 1)
}

@Test func slashesAtTheEndsOfARemotePathAreDropped() throws {
  let text = spec(secrets: #""A": {"from": "v", "mount": "/secret/", "field": "f", "secret_path": "web/db/"}"#)
  #expect(try execution(text).asks(for: ["mount": "secret", "secret_path": "web/db"]))
}

@Test(arguments: [".hidden", "..", "a/b", "a b", "ü", ""])
func aNameThatIsNoFileNameIsRefused(_ name: String) {
  #expect(faults(spec(secrets: #""\#(name)": {"from": "f", "path": "/x"}"#)).count == 1)
}

@Test func aNameOf253BytesIsTheLongest() {
  func lines(_ length: Int) -> [String] {
    faults(spec(secrets: #""\#(String(repeating: "A", count: length))": {"from": "f", "path": "/x"}"#))
  }
  #expect(lines(253).isEmpty)
  #expect(lines(254).count == 1)
}

@Test func faultsDoNotRepeatLiteralCredentials() {
  let text = spec(
    secrets: #""A": {"from": "x"}"#, auth: #"{"method": "static", "token": "s.hidden", "token_env": "T"}"#)
  #expect(!faults(text).joined().contains("s.hidden"))
  let execution = try? execution(spec(secrets: "", auth: #"{"method": "static", "token": "s.hidden"}"#))
  #expect(!"\(String(describing: execution))".contains("s.hidden"))
  #expect(!String(reflecting: execution).contains("s.hidden"))
}

@Test func aHostileNameNeitherFloodsNorSteersTheTerminal() {
  let name = "\\u001b[2J" + String(repeating: "x", count: 5000)
  let lines = faults(spec(secrets: #""\#(name)": {"from": "f", "path": "/x"}"#))
  #expect(lines.count == 1 || lines.count == 2)
  for line in lines {
    #expect(!line.contains("\u{1b}"))
    #expect(line.count < 300)
  }
}

@Test func twoEntriesOfOneNameAreRefused() {
  let one = #""A": {"from": "f", "path": "/x"}"#
  #expect(faults(spec(secrets: "\(one), \(one)")).count == 1)
}

@Test(arguments: [#"a\r\nX: y"#, #"a\u0001b"#, " ", #"\n"#])
func aCredentialThatNoHeaderCanCarryIsAFault(_ token: String) {
  #expect(
    faults(spec(secrets: "", auth: #"{"token": "\#(token)"}"#)).contains {
      $0.hasPrefix("secret_providers.v.auth.token:")
    })
}

@Test func aCredentialPastedWithTheEndOfItsLineIsTaken() throws {
  let text = spec(secrets: "", auth: #"{"token": "root\n"}"#)
  guard case .credential(let token)? = try execution(text).providers.first?.authentication["token"] else {
    Issue.record("no token")
    return
  }
  #expect(token.equals("root"))
}

@Test(arguments: ["/a~", "/a/~2", "/~"])
func aFieldThatIsNoJSONPointerIsAFault(_ field: String) {
  let text = spec(secrets: #""A": {"from": "v", "mount": "secret", "secret_path": "web", "field": "\#(field)"}"#)
  #expect(faults(text).contains { $0.hasPrefix("secrets.A.field:") })
}

@Test func anEntryWhoseProviderIsNotKnownIsReadForTheRest() {
  let text = spec(secrets: #""A": {"from": "gone", "field": 5, "encoding": "hex", "refresh": "10x"}"#)
  let paths = faults(text).map { $0.prefix { $0 != ":" } }
  #expect(paths == ["secrets.A.from", "secrets.A.field", "secrets.A.encoding", "secrets.A.refresh"])
}
