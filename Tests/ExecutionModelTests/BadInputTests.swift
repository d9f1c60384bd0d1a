import ExecutionModel
import JSONReader
import SecretBytes
import Testing

/// One named provider or entry of the document below, and what is wrong with it.
private struct Row: Sendable, CustomStringConvertible {
  let name: String
  /// As JSON, on one line.
  let text: String
  /// Where the fault is below the name, as `.engine_version`; `nil` where nothing is wrong.
  var place: String?
  /// What stands at the fault's line and column, or around it.
  var culprit = ""
  /// What the message must say.
  var words: [String] = []

  var description: String { name }
}

private let vault = #""provider": "hashicorp_vault", "address": "https://vault:8200""#
private let role = #""provider": "aws_sts", "region": "eu-central-1", "role_arn": "arn:aws:iam::123456789012:role/r""#
private let password = #""mount": "kv", "secret_path": "shop", "field": "password""#

private let providers = [
  Row(name: "files", text: #"{"provider": "file"}"#),
  Row(name: "vault", text: #"{\#(vault), "auth": {"token_env": "VAULT_TOKEN"}}"#),
  Row(name: "manager", text: #"{"provider": "aws_secrets_manager", "region": "eu-central-1"}"#),
  Row(name: "role", text: "{\(role)}"),
  Row(
    name: "too_long", text: #"{\#(role), "duration_seconds": 43201}"#, place: ".duration_seconds",
    culprit: #""duration_seconds": 43201"#, words: ["900", "43200"]),
  Row(
    name: "too_short", text: #"{\#(role), "duration_seconds": 899}"#, place: ".duration_seconds",
    culprit: #""duration_seconds": 899"#, words: ["900", "43200"]),
  Row(
    name: "two_sources",
    text: #"{\#(vault), "auth": {"method": "approle", "role_id": "r", "secret_id_env": "S", "secret_id_file": "/s"}}"#,
    place: ".auth", culprit: #""auth": {"method": "approle""#, words: ["secret_id_env", "secret_id_file"]),
  Row(
    name: "contradiction", text: #"{\#(vault), "auth": {"method": "kubernetes", "role": "web", "jwt_file": "/jwt"}}"#,
    place: ".auth.jwt_file", culprit: #""jwt_file": "/jwt""#, words: ["kubernetes", "jwt"]),
]

private let secrets = [
  Row(name: "GOOD", text: #"{"from": "vault", \#(password)}"#),
  Row(
    name: "UNKNOWN_FROM", text: #"{"from": "vautl", \#(password)}"#, place: ".from", culprit: #""from": "vautl""#,
    words: ["vautl", "vault"]),
  Row(
    name: "TWO_VERSIONS",
    text: #"{"from": "manager", "secret_id": "db", "version_id": "v-1", "version_stage": "AWSCURRENT"}"#,
    place: "", culprit: #""TWO_VERSIONS": {"from": "manager""#, words: ["version_id", "version_stage"]),
  Row(
    name: "ENGINE", text: #"{"from": "vault", \#(password), "engine_version": 3}"#, place: ".engine_version",
    culprit: #""engine_version": 3"#, words: ["1 or 2"]),
  Row(
    name: "HEX", text: #"{"from": "files", "path": "/x", "encoding": "hex"}"#, place: ".encoding",
    culprit: #""encoding": "hex""#, words: ["raw", "base64"]),
  Row(name: "AWS", text: #"{"from": "role"}"#),
  Row(
    name: "AWS_SESSION_TOKEN", text: #"{"from": "files", "path": "/t"}"#, place: "",
    culprit: #""AWS_SESSION_TOKEN": {"from": "files""#, words: ["AWS_SESSION_TOKEN", "AWS"]),
]

/// The same rows in either layout; each has a line of its own.
private func lines(_ layout: SchemaLayout) -> [String] {
  switch layout {
  case .json:
    func block(_ rows: [Row]) -> String { rows.map { "  \"\($0.name)\": \($0.text)" }.joined(separator: ",\n") }
    return "{\"secret_providers\": {\n\(block(providers))},\n \"secrets\": {\n\(block(secrets))}}".split(
      separator: "\n"
    )
    .map(String.init)
  case .yaml:
    func block(_ rows: [Row]) -> [String] { rows.map { "  \($0.name): \(unquoted($0.text))" } }
    return ["# Each of these is wrong.", "name: bad", "secret_providers:"] + block(providers) + ["# And these."]
      + ["secrets:"] + block(secrets)
  }
}

private func unquoted(_ text: String) -> String { text.filter { $0 != "\"" } }

/// The columns, from 1, that `part` covers in `line`; one behind its end is not among them.
private func columns(of part: String, in line: String) -> Range<Int> {
  let line = Array(line.utf8)
  let part = Array(part.utf8)
  for start in line.indices where line[start...].starts(with: part) {
    return (start + 1)..<(start + 1 + part.count)
  }
  return 0..<0
}

@Test(arguments: SchemaLayout.allCases)
func everyBadInputOfOneDocumentIsOneLineAtItsPlace(_ layout: SchemaLayout) throws {
  let lines = lines(layout)
  let text = SecretBytes(lines.joined(separator: "\n") + "\n")
  let item = try ExecutionDocument(text, syntax: layout == .json ? .json : .yaml).item(nil)
  let validation = catalog.examine(item)
  #expect(!validation.isValid)

  var expected: [String] = []
  for (block, rows) in [("secret_providers", providers), ("secrets", secrets)] {
    for row in rows {
      guard let place = row.place else {
        continue
      }
      let path = "\(block).\(row.name)\(place)"
      expected.append(path)
      let found = validation.faults.filter { $0.path == path }
      #expect(found.count == 1, "\(path)")
      guard let fault = found.first else {
        continue
      }
      #expect(fault.severity == .error, "\(path)")
      for word in row.words {
        #expect(fault.message.contains(word), "\(fault.message)")
      }
      let number =
        (lines.firstIndex { columns(of: layout == .json ? "\"\(row.name)\":" : "\(row.name):", in: $0).lowerBound == 3 }
          ?? -1) + 1
      let culprit = layout == .json ? row.culprit : unquoted(row.culprit)
      let covered = columns(of: culprit, in: lines[number - 1])
      #expect(!covered.isEmpty, "\(culprit) is not in line \(number)")
      #expect(fault.position?.line == number, "\(path)")
      #expect(fault.position.map { covered.contains($0.column) } == true, "\(path) at \(fault.position as Any)")
      #expect(fault.line.contains("(line \(number), column "))
      #expect(!fault.line.contains("\n"))
    }
  }
  #expect(validation.faults.map(\.path).sorted() == expected.sorted())
  // What is right beside it is read.
  #expect(Set(validation.execution.providers.map(\.name)) == ["files", "vault", "manager", "role"])
  #expect(validation.execution.secrets.contains { $0.name == "GOOD" })
}

@Test(arguments: SchemaLayout.allCases)
func aPrefixMayStandBesideNamesThatItDoesNotYield(_ layout: SchemaLayout) throws {
  func spec(_ name: String) -> JSONTree {
    [
      "secret_providers": [
        "r": ["provider": "aws_sts", "region": "eu-central-1", "role_arn": SchemaTable.roleARN],
        "f": ["provider": "file"],
      ],
      "secrets": ["AWS": ["from": "r"], name: ["from": "f", "path": "/x"]],
    ]
  }
  func paths(_ name: String) throws -> [String] {
    try catalog.examine(layout.read(spec(name)).item(nil)).faults.map(\.path)
  }
  for free in ["AWS_REGION", "AWS_EXPIRATION", "AWS_SESSION", "AWS_ACCESS_KEY_ID_2", "aws_session_token"] {
    #expect(try paths(free) == [], "\(free)")
  }
  for taken in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
    #expect(try paths(taken) == ["secrets.\(taken)"])
  }
}

@Test(arguments: SchemaLayout.allCases)
func aPrefixThatComesBehindThePlainNameCollidesAsWell(_ layout: SchemaLayout) throws {
  let tree: JSONTree = [
    "secret_providers": [
      "r": ["provider": "aws_sts", "region": "eu-central-1", "role_arn": SchemaTable.roleARN],
      "f": ["provider": "file"],
    ],
    "secrets": ["AWS_ACCESS_KEY_ID": ["from": "f", "path": "/x"], "AWS": ["from": "r"]],
  ]
  let faults = try catalog.examine(layout.read(tree).item(nil)).faults
  #expect(faults.count == 1)
  #expect(faults.first?.severity == .error)
  #expect(faults.first?.message.contains("AWS_ACCESS_KEY_ID") == true)
  #expect(faults.first?.position != nil)
}

@Test(arguments: [
  "refresh: 1.5", "engine_version: 1.5", "engine_version: 2.0", "with_decryption: no", "with_decryption: 'false'",
  "with_decryption: off", "version: 1.5", "version: -1", "version: 3.0",
])
func aScalarOfYAMLThatIsOfAnotherTypeIsOneError(_ line: String) throws {
  let key = String(line.prefix { $0 != ":" })
  let type = key == "with_decryption" ? SchemaTable.parameterStore : SchemaTable.vault
  let text = SchemaLayout.block(SchemaTable.minimal(type).tree, indent: "") + "    \(line)\n"
  let faults = try catalog.examine(ExecutionDocument(SecretBytes(text), syntax: .yaml).item(nil)).faults
  #expect(faults.map(\.path) == ["secrets.S.\(key)"])
  #expect(faults.map(\.severity) == [.error])
  #expect(faults.first?.position?.line == text.split(separator: "\n", omittingEmptySubsequences: false).count - 1)
}
