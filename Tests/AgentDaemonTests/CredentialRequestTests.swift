import Testing

@testable import AgentDaemon

/// The address that systemd connects from is anybody's to choose.
@Suite struct CredentialRequestTests {
  private func request(_ text: String) -> CredentialRequest? { CredentialRequest(address: Array(text.utf8)) }

  @Test func theAddressNamesUnitAndCredential() {
    let request = request("\0f00dfeed01234567/unit/web@1.service/tls.key")
    #expect(request?.unit == "web@1.service")
    #expect(request?.credential == "tls.key")
  }

  @Test(arguments: [
    "", "\0", "/run/some.sock", "f0/unit/web.service/A", "\0f0/unit/web.service", "\0f0/unit/web.service/",
    "\0f0/unit//A", "\0/unit/web.service/A", "\0f0/cryptsetup/web/A", "\0f0/unit/web.service/A/B", "\0f0/unit/a\nb/A",
    "\0f0/unit/web.service/A\0", "\0f0/UNIT/web.service/A", "\0////", "\0f0/unit/web.service/\u{7f}",
  ])
  func whatIsNoneOfAUnitsCredentialIsNoRequest(_ address: String) {
    #expect(request(address) == nil)
  }

  @Test func namesThatAreNotTextAreNoRequest() {
    #expect(CredentialRequest(address: Array("\0f0/unit/".utf8) + [0xff, 0xfe] + Array("/A".utf8)) == nil)
    #expect(CredentialRequest(address: [0, 0, 0, 0x2f, 0x2f, 0x2f]) == nil)
    #expect(CredentialRequest(address: Array(repeating: 0x2f, count: 108)) == nil)
  }

  @Test func whoHasNoSuchAddressIsTold() {
    #expect(CredentialRequest.shown(Array("\0f0/unit/web.service".utf8)) == "@f0/unit/web.service")
    #expect(CredentialRequest.shown(Array("/run/x.sock\0".utf8)) == "/run/x.sock")
    #expect(CredentialRequest.shown([0, 0x61, 0x0a, 0xff]) == "@a\u{fffd}\u{fffd}")
    #expect(CredentialRequest.shown(nil) == "none")
  }
}
