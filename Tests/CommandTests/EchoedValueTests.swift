import Foundation
import Glibc
import ProviderFakes
import TestSupport
import Testing

/// A server that repeats what another store holds: as in words of a gateway before both, or of a database that both are of.
@Suite(.timeLimit(.minutes(15))) struct EchoedValueTests {
  private static let value = "other-wörd=%7 zweite"
  /// As an error would have it: plain, in base64, percent-encoded, as JSON within JSON.
  private static let forms = [
    value, Data(value.utf8).base64EncodedString(), "other-w%C3%B6rd%3D%257%20zweite",
    #"other-w\u00f6rd=%7 zweite"#,
  ]
  private static let login =
    #"{"auth":{"client_token":"hvs.fake-echo-token","lease_duration":3600,"renewable":false}}"#

  private let fakes: Fakes
  private let agent: Agent

  init() throws {
    fakes = try Fakes(seed: [
      "vault": [
        "secrets": [
          ["mount": "secret", "path": "web/db", "data": ["password": .string(Self.value), "user": "web"]]
        ],
        "approles": [["role_id": "demo-web-role", "secret_id": "echoed-secret-id"]],
      ]
    ])
    agent = try Agent()
  }

  /// A Vault whose reads fail with the value in their words.
  private func gateway() async throws -> FakeServer {
    let said = "duplicate \(Self.forms.joined(separator: " / "))"
    let words = try #require(String(data: try JSONEncoder().encode([said]), encoding: .utf8))
    return try await FakeServer.start { request in
      request.path.hasSuffix("/login") ? .json(200, Self.login) : .json(400, #"{"errors":\#(words)}"#)
    }
  }

  private static let auth: JSON = [
    "method": "approle", "role_id": "demo-web-role", "secret_id": "echoed-secret-id",
  ]
  private static let other: JSON = [
    "from": "vault", "mount": "secret", "secret_path": "web/db", "field": "password", "refresh": "1h",
  ]

  private func document(_ gateway: FakeServer, _ secrets: KeyValuePairs<String, JSON>) -> JSON {
    [
      "secret_providers": [
        "bad": [
          "provider": "hashicorp_vault", "address": .string("http://127.0.0.1:\(gateway.port)"), "auth": Self.auth,
        ],
        "vault": ["provider": "hashicorp_vault", "address": .string(fakes.address), "auth": Self.auth],
      ],
      "secrets": .object(secrets.map { ($0.key, $0.value) }),
    ]
  }

  private static let failing: JSON = [
    "from": "bad", "mount": "secret", "secret_path": "web/one", "field": "v", "refresh": "1s",
  ]

  private func expectClean(_ text: String, _ place: String, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(text.contains("duplicate <redacted>"), "\(place): \(text)", sourceLocation: sourceLocation)
    for form in Self.forms + ["fake-echo-token"] {
      #expect(!text.contains(form), "\(form) is in \(place): \(text)", sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [
    ["resolve", "FILE", "--output", "-"], ["check", "--online", "FILE"], ["exec", "FILE", "--", "true"],
    ["resolve", "FILE", "--output", "-", "--log-level", "trace", "--log-format", "json"],
  ]) func commands(arguments: [String]) async throws {
    let gateway = try await gateway()
    let file = try agent.file(document(gateway, ["DB": Self.failing, "OTHER": Self.other]))
    let outcome = try await agent.run(arguments.map { $0 == "FILE" ? file : $0 })
    #expect(outcome.status == Status.unavailable || outcome.status == Status.invalidDocument, outcome.said)
    expectClean(outcome.errorText, arguments[0])
    await gateway.stop()
  }

  /// What its outlets tell while the other value was fetched, and was never delivered.
  @Test func theDaemon() async throws {
    let gateway = try await gateway()
    let metrics = "127.0.0.1:\(try freePorts(inARow: 1))"
    let daemon = try RunningDaemon(api: "metrics_address: \"\(metrics)\"")
    let missing: JSON = [
      "from": "vault", "mount": "secret", "secret_path": "web/nowhere", "field": "v", "refresh": "1h",
    ]
    try daemon.drop(document(gateway, ["OTHER": Self.other, "MISSING": missing]), as: "web")
    let run = try daemon.start()
    defer { run.send(SIGTERM) }
    #expect(
      try await daemon.reach(run) {
        try await daemon.command("status", "--json").outputText.contains("provider vault: ")
      })
    try daemon.drop(document(gateway, ["DB": Self.failing]), as: "shop")
    #expect(
      try await daemon.reach(run) { try await daemon.command("status", "--json").outputText.contains("duplicate") })
    expectClean(try await daemon.command("status", "--json").outputText, "status --json")
    expectClean(try await daemon.command("status").outputText, "status")
    let page = try await daemon.shell("curl --disable --silent --noproxy '*' http://\(metrics)/; true; : \"$@\"")
    expectClean(page.outputText.replacingOccurrences(of: "&lt;redacted&gt;", with: "<redacted>"), "the page")
    run.send(SIGTERM)
    let outcome = try await run.outcome()
    expectClean(outcome.errorText, "the log")
  }
}
