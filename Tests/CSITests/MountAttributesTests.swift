import SecretBytes
import Testing

@testable import secrets_agent_csi

/// What the driver hands over, as strictly as a stranger's.
@Suite struct MountAttributesTests {
  private static func attributes(_ more: [String: String] = [:], without missing: String? = nil) -> String {
    var all = [
      "csi.storage.k8s.io/pod.name": "web-1", "csi.storage.k8s.io/pod.namespace": "shop",
      "csi.storage.k8s.io/serviceAccount.name": "web", "secret_providers": "f: {provider: file}",
      "secrets": "A:\n  from: f\n  path: /a\n",
    ]
    all.merge(more) { $1 }
    all[missing ?? ""] = nil
    let members = all.map { "\"\($0)\": \"\($1.replacing("\"", with: "\\\"").replacing("\n", with: "\\n"))\"" }
    return "{\(members.joined(separator: ","))}"
  }

  @Test func theBlocksBecomeOneJobSpec() throws {
    let mount = try MountAttributes(attributes: Self.attributes(), secrets: "null")
    let document = mount.request.document.unsafeString()
    #expect(document == "secret_providers:\n  f: {provider: file}\nsecrets:\n  A:\n    from: f\n    path: /a\n  \n")
    #expect(mount.request.identity.description == "shop/web")
    #expect(mount.request.tokens.isEmpty)
    #expect(mount.mode == nil)
  }

  /// No text of a block can end it: every line of it is moved in.
  @Test func aBlockCannotAddAnother() throws {
    let mount = try MountAttributes(
      attributes: Self.attributes(["secret_providers": "f: {provider: file}\nsecrets: {X: {}}"]), secrets: "")
    #expect(mount.request.document.unsafeString()?.contains("\nsecrets: {X") == false)
  }

  @Test func tokensComeFromEitherPlace() throws {
    let tokens = #"{"vault": {"token": "a.b.c", "expirationTimestamp": "2099-01-01T00:00:00Z"}}"#
    let key = "csi.storage.k8s.io/serviceAccount.tokens"
    let inAttributes = try MountAttributes(attributes: Self.attributes([key: tokens]), secrets: "null")
    #expect(inAttributes.request.tokens == ["vault": SecretBytes("a.b.c")])
    let secrets = "{\"\(key)\": \"\(tokens.replacing("\"", with: "\\\""))\"}"
    let inSecrets = try MountAttributes(attributes: Self.attributes(), secrets: secrets)
    #expect(inSecrets.request.tokens == ["vault": SecretBytes("a.b.c")])
    // An attribute of the pod's author in the place of the kubelet's.
    let forged = Self.attributes([key: #"{"vault": {"token": "x.y.z"}}"#])
    #expect(try MountAttributes(attributes: forged, secrets: secrets).request.tokens == inSecrets.request.tokens)
  }

  @Test(arguments: ["filepermission", "filePermision", "secret", "secret_provider"])
  func aSlipInAParameterIsRefused(_ name: String) {
    let fault = #expect(throws: MountAttributes.Fault.self) {
      try MountAttributes(attributes: Self.attributes([name: "0400"]), secrets: "null")
    }
    #expect(fault?.message.hasPrefix("parameters.\(name): unknown; did you mean ") == true)
  }

  @Test func whatIsNoSlipIsPassedOver() throws {
    _ = try MountAttributes(
      attributes: Self.attributes(["secretProviderClass": "web", "cloud": "eu", "csi.storage.k8s.io/ephemeral": "true"]
      ),
      secrets: "null")
  }

  @Test(arguments: [
    ("secrets", "parameters.secrets: required"), ("secret_providers", "parameters.secret_providers: required"),
    ("csi.storage.k8s.io/pod.namespace", "podInfoOnMount"),
    ("csi.storage.k8s.io/serviceAccount.name", "podInfoOnMount"),
  ])
  func whatIsMissingIsSaid(_ missing: String, _ words: String) {
    let fault = #expect(throws: MountAttributes.Fault.self) {
      try MountAttributes(attributes: Self.attributes(without: missing), secrets: "null")
    }
    #expect(fault?.message.contains(words) == true)
  }

  @Test(arguments: ["440", "0999", "01000", "-1", "0x1ff", "rw-r--r--"])
  func aModeIsOctal(_ text: String) {
    #expect(throws: MountAttributes.Fault.self) {
      try MountAttributes(attributes: Self.attributes(["filePermission": text]), secrets: "null")
    }
  }

  @Test(arguments: ["", "null", "[]", "{", "{\"a\": 1", "\u{0}"])
  func whatIsNoObjectIsAFault(_ text: String) {
    #expect(throws: MountAttributes.Fault.self) { try MountAttributes(attributes: text, secrets: "null") }
  }

  @Test func theDriversPermissionIsDecimal() throws {
    #expect(try MountAttributes.mode(permission: "420") == 0o644)
    for text in ["", "0644x", "512", "-1", "\"420\""] {
      #expect(throws: MountAttributes.Fault.self) { try MountAttributes.mode(permission: text) }
    }
  }
}
