import ProviderKit
import SecretBytes
import TestSupport
import Testing

@testable import AWSProvider

/// The two shared files together.
@Suite struct SharedFileTests {
  private let scene: CredentialScene

  init() throws {
    scene = try CredentialScene()
  }

  private func load(_ config: String, _ credentials: String = "", profile: String? = nil) throws -> SharedConfiguration
  {
    try scene.write(".aws/config", config)
    try scene.write(".aws/credentials", credentials)
    let more = profile.map { #", "profile": "\#($0)""# } ?? ""
    return try SharedConfiguration.load(scene.context(more, with: scene.services(ScriptedTransport.silent)))
  }

  private func profiles(_ config: String, _ credentials: String = "") throws -> [String: [String: String]] {
    try load(config, credentials).profiles.mapValues { $0.values.mapValues { $0.unsafeString() ?? "" } }
  }

  @Test(
    arguments: [
      ("[profile a]\nb=1", "[a]\nc=2", ["a": ["b": "1", "c": "2"]]),
      ("[profile a]\nb=1", "[a]\nb=2", ["a": ["b": "2"]]),
      ("[a]\nb=1\n[profilea]\n[profilex a]\n[profile in valid]", "", [:]),
      ("", "[profile a]\nb=1\n[]\nc=1", [:]),
      ("[profile a]\nb=1\n[profile \t a ]\nb=2\nc=3", "", ["a": ["b": "2", "c": "3"]]),
      ("[ profile\ta ]\nb=1", "[ a ]\nc=1", ["a": ["b": "1", "c": "1"]]),
      (
        "[profile default]\na=1\n[default]\nb=2\n[profile default]\nc=3", "[default]\nd=4",
        [
          "default": ["a": "1", "c": "3", "d": "4"]
        ]
      ),
      ("[default]\nb=2\n[profile default]\na=1", "", ["default": ["a": "1"]]),
      ("[default]\na=1\n[DEFAULT]\nb=2", "", ["default": ["a": "1"]]),
      (
        "[profile some-thing:long/the_one%only.foo@bar+]\n[profile \"x y\"]", "",
        [
          "some-thing:long/the_one%only.foo@bar+": [:], "x y": [:],
        ]
      ),
    ] as [(String, String, [String: [String: String]])])
  func putsProfilesTogether(config: String, credentials: String, expected: [String: [String: String]]) throws {
    #expect(try profiles(config, credentials) == expected)
  }

  @Test func putsServicesTogether() throws {
    let shared = try load(
      """
      [default]
      services = s
      [services s]
      ssm =
        endpoint_url = http://one.example
        endpoint_url = http://two.example
      [services s]
      sts =
        endpoint_url = http://three.example
      """)
    #expect(shared.endpoint(of: "ssm") == "http://two.example")
    #expect(shared.endpoint(of: "sts") == "http://three.example")
  }

  @Test func tellsOfProfilesThatTheAWSCommandReadsOtherwise() throws {
    let differences = try load("[default]\n[profile default]", "[profile a]\nb=1").differences
    #expect(differences.count == 2)
    #expect(differences.first?.contains("config line 1: [profile default] goes before [default]") == true)
    #expect(differences.last?.contains("credentials line 1: [profile …] is left out") == true)
  }
}
