import HTTPTransport
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing
import Text

@testable import AzureProvider

@Test(arguments: [
  Fault.garbage, .truncated, .reset, .huge(8 * 1024 * 1024), .redirect("http://127.0.0.1:9/"), .malformedJSON,
  .status(418), .html(401),
])
func aHostileTokenServiceGivesAFailure(_ fault: Fault) throws {
  var limits = RequestLimits()
  limits.responseBytes = 1024 * 1024
  for auth in [client(), #"{"method": "managed_identity"}"#] {
    try AzureScene.run(
      auth: auth, limits: limits, environment: ["AZURE_POD_IDENTITY_AUTHORITY_HOST": "FAKE"]
    ) { (scene: AzureScene) async throws in
      for route in ["POST /*", "GET /metadata/*"] {
        scene.fake.faults.add(fault, on: route)
      }
      let failure = try await scene.failure("db")
      #expect(failure.kind == .malformed || failure.kind == .transient || failure.kind == .denied)
      #expect(!failure.line.contains("s3cr3t"))
    }
  }
}

@Test(arguments: [
  #"{"error": 7}"#, #"{"error": "e", "error_codes": "x"}"#, #"{"error": "e", "error_codes": [1e99]}"#, "[]", "{",
  #"{"error": "e", "error_description": "AADSTS99999999999999999999999: s3cr3t"}"#, #"{"error": "\u001b[31m"}"#,
])
func aRefusalMayHoldAnything(_ body: String) throws {
  let services = ProviderServices.testing(
    transport: { _ in ScriptedTransport { _, _ in fatalError("nothing is sent") } })
  let login = EntraLogin(
    standardAuthority: "https://login.microsoftonline.com", connection: OpenConnection(named: "p", services: services))
  let url = try HTTPURL(parsing: "https://login.microsoftonline.com/t/oauth2/v2.0/token")
  for status in [400, 401, 429, 503] {
    let response = HTTPResponse(status: status, headers: HTTPFields([]), body: SecretBytes(body))
    let line = login.failure(response, of: url).line
    #expect(!line.contains("s3cr3t") && !line.contains("\u{1b}"))
    #expect(status < 429 || line.contains("login.microsoftonline.com"))
  }
}
