import ExecutionModel
import JSONReader
import SecretBytes
import Testing

private let document = SchemaTable.minimal(SchemaTable.tokenService)

// MARK: - The entry

@Test func aRoleYieldsExactlyThreeVariables() throws {
  for layout in SchemaLayout.allCases {
    let outputs = try document.examined(layout).execution.secrets.flatMap(\.outputs)
    #expect(outputs.map(\.name) == ["S_ACCESS_KEY_ID", "S_SECRET_ACCESS_KEY", "S_SESSION_TOKEN"])
    #expect(outputs.map(\.field) == ["access_key_id", "secret_access_key", "session_token"])
  }
}

@Test(arguments: ["access_key_id", "secret_access_key", "session_token", "expiration", "region"])
func aFieldOfARoleIsOneValueUnderItsOwnName(_ field: String) throws {
  for layout in SchemaLayout.allCases {
    let validation = try document.with(.entry, "field", .string(field)).examined(layout)
    #expect(validation.faults == [])
    #expect(validation.execution.secrets.flatMap(\.outputs).map(\.name) == ["S"])
    #expect(validation.execution.secrets.flatMap(\.outputs).map(\.field) == [field])
  }
}

@Test(arguments: ["password", "AccessKeyId", "ACCESS_KEY_ID", "role_arn", "*"])
func anotherFieldOfARoleIsOneError(_ field: String) throws {
  for layout in SchemaLayout.allCases {
    let faults = try document.with(.entry, "field", .string(field)).faults(layout)
    #expect(faults.map(\.path) == ["secrets.S.field"])
    #expect(faults.map(\.severity) == [.error])
    for name in ["access_key_id", "secret_access_key", "session_token", "expiration", "region"] {
      #expect(faults.first?.message.contains(name) == true)
    }
  }
}

@Test(arguments: ["role_arn", "session_name", "external_id", "duration_seconds"])
func whatBelongsToTheRolesProviderIsNoKeyOfAnEntry(_ key: String) throws {
  let value = try #require(SchemaTable.provider.first { $0.name == key }?.good)
  for layout in SchemaLayout.allCases {
    for type in SchemaTable.types {
      let validation = try SchemaTable.minimal(type).with(.entry, key, value).examined(layout)
      #expect(validation.faults.map(\.path) == ["secrets.S.\(key)"])
      #expect(validation.faults.map(\.severity) == [.warning])
    }
    // There it does not stand in for the provider's.
    let moved = document.with(.provider, "role_arn", nil).with(.entry, "role_arn", SchemaTable.roleARN)
    #expect(
      try moved.faults(layout).filter { $0.severity == .error }.map(\.path) == ["secret_providers.p.role_arn"])
  }
}

@Test func whatTheRoleIsAskedWithIsTheConnections() throws {
  var full = document
  for field in SchemaTable.provider where ["session_name", "external_id", "duration_seconds"].contains(field.name) {
    full[.provider, field.name] = field.good
  }
  for layout in SchemaLayout.allCases {
    let execution = try full.examined(layout).execution
    let connection = try #require(execution.providers.first)
    #expect(connection.fields.text("role_arn") == "arn:aws:iam::123456789012:role/reader")
    #expect(connection.fields.text("session_name") == "web@edge-17")
    #expect(connection.fields.text("external_id") == "shop/42")
    #expect(connection.fields.integer("duration_seconds") == 43_200)
    #expect(execution.asks(for: [:]))
  }
}

// MARK: - How long it lives

@Test(arguments: [900, 3600, 43_200] as [Int64])
func aDurationThatSTSTakesIsTaken(_ seconds: Int64) throws {
  for layout in SchemaLayout.allCases {
    let validation = try document.with(.provider, "duration_seconds", .number(seconds)).examined(layout)
    #expect(validation.faults == [])
    #expect(validation.execution.providers.first?.fields.integer("duration_seconds") == seconds)
  }
}

@Test(arguments: [899, 43_201, 1, -3600, Int64.max, .min] as [Int64])
func aDurationThatSTSDoesNotTakeIsOneError(_ seconds: Int64) throws {
  for layout in SchemaLayout.allCases {
    let faults = try document.with(.provider, "duration_seconds", .number(seconds)).faults(layout)
    #expect(faults.map(\.path) == ["secret_providers.p.duration_seconds"])
    #expect(faults.map(\.severity) == [.error])
    #expect(faults.first?.message.contains("900") == true)
    #expect(faults.first?.message.contains("43200") == true)
  }
}

// MARK: - Its name

/// STS's grammar of RoleSessionName, `[\w+=,.@-]{2,64}`, of ASCII.
private func isSessionName(_ text: String) -> Bool {
  (2...64).contains(text.utf8.count)
    && text.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        || "_+=,.@-".utf8.contains(byte)
    }
}

/// The default for an execution of the job on the node; `nil` for either leaves it out of the document.
private func sessionName(job: String?, node: String?, in context: ValidationContext = .init()) throws -> String {
  guard case .object(var spec) = document.tree else {
    return ""
  }
  spec += job.map { [.init("name", .string($0))] } ?? []
  let execution: [JSONTree.Member] =
    [.init("id", "e-1"), .init("job_spec", .object(spec))] + (node.map { [.init("node_id", .string($0))] } ?? [])
  let item = try SchemaLayout.json.read(.object(execution)).item(nil)
  let validation = catalog.examine(item, in: context)
  #expect(validation.faults == [])
  return validation.execution.providers.first?.fields.text("session_name") ?? ""
}

@Test func theDefaultSessionNameNamesTheJobAndTheNode() throws {
  let name = try sessionName(job: "web", node: "node-edge-us-west-01")
  #expect(isSessionName(name), "\(name)")
  #expect(name.contains("web"))
  #expect(name.contains("node-edge-us-west-01"))
  // Where the document does not say, the node does.
  let local = try sessionName(job: "web", node: nil, in: ValidationContext(nodeName: "edge-17"))
  #expect(isSessionName(local), "\(local)")
  #expect(local.contains("web"))
  #expect(local.contains("edge-17"))
}

private let strangeNames: [String?] = [
  nil, "", "a", "-", "@", String(repeating: "n", count: 300), "shop floor/db:5432", "bäckerei", "数据处理管道", "👩‍👩‍👧‍👦",
  String(repeating: "ü", count: 40), "a\u{301}", "web\nnode", "\u{0}", "\u{202e}evil", "$(reboot)", "../../etc",
  "\"';--",
  "A+B=C,D.E@F-G_H",
]

@Test(arguments: strangeNames, strangeNames)
func theDefaultSessionNameIsValidWhateverJobAndNodeAreCalled(_ job: String?, _ node: String?) throws {
  let name = try sessionName(job: job, node: node, in: ValidationContext(nodeName: "edge-17"))
  #expect(isSessionName(name), "\(name)")
}

@Test func theDefaultSessionNameKeepsAGrammaticalNameAsItIs() throws {
  let name = try sessionName(job: "A+B=C,D.E@F-G_H", node: "edge-17.example.com")
  #expect(name.contains("A+B=C,D.E@F-G_H"))
  #expect(name.contains("edge-17.example.com"))
}

@Test(arguments: ["x", "a b", "bäckerei", "a/b", "a:b", "$(reboot)", String(repeating: "n", count: 65)])
func aSessionNameThatSTSDoesNotTakeIsOneError(_ name: String) throws {
  for layout in SchemaLayout.allCases {
    let faults = try document.with(.provider, "session_name", .string(name)).faults(layout)
    #expect(faults.map(\.path) == ["secret_providers.p.session_name"])
    #expect(faults.map(\.severity) == [.error])
  }
}

@Test(arguments: ["xy", "A+B=C,D.E@F-G_H", String(repeating: "n", count: 64)])
func aSessionNameThatSTSTakesIsKept(_ name: String) throws {
  for layout in SchemaLayout.allCases {
    let validation = try document.with(.provider, "session_name", .string(name)).examined(layout)
    #expect(validation.faults == [])
    #expect(validation.execution.providers.first?.fields.text("session_name") == name)
  }
}
