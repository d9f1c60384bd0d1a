import ExecutionModel
import JSONReader
import SecretBytes
import Testing

private let blocks: JSONTree = [
  "secret_providers": ["f": ["provider": "file"]], "secrets": ["A": ["from": "f", "path": "/etc/shop/a"]],
]

private let spec = (["name": "web", "type": "pipeline"] as JSONTree).adding(blocks)

/// With the names and the kinds of value that the API's page has.
private func execution(_ id: String, spec: JSONTree?) -> JSONTree {
  let head: JSONTree = [
    "eval_id": "eval-1", "id": .string(id), "job_id": "job-abc123xyz", "job_type": "pipeline", "job_version": 2,
    "namespace": "production", "node_id": "node-edge-us-west-01", "rollout_wave": 1,
    "status": ["desired_state": ["state_type": "running"], "observed_state": ["state_type": "running"]],
  ]
  return head.adding(spec.map { ["job_spec": $0] } ?? [:])
}

private func read(_ tree: JSONTree, _ layout: SchemaLayout) throws -> ExecutionDocument { try layout.read(tree) }

private func faults(_ tree: JSONTree, _ layout: SchemaLayout) throws -> [DocumentFault] {
  try catalog.examine(layout.read(tree).item(nil)).faults
}

/// The document, and the same below `spec`.
private func alsoBelowSpec(_ tree: JSONTree) -> [JSONTree] { [tree, ["spec": tree]] }

// MARK: - Shapes

@Test(arguments: SchemaLayout.allCases)
func aListOfNothingIsAnEmptyListHoweverItIsWritten(_ layout: SchemaLayout) throws {
  let lists: [JSONTree] = [
    ["items": .null], ["items": []], [:], ["items": .null, "next_token": .null], ["items": [], "next_token": ""],
    ["next_token": ""],
  ]
  for tree in lists + [["spec": ["items": []]], ["spec": ["items": .null]]] {
    let document = try read(tree, layout)
    #expect(document.items.isEmpty, "\(tree)")
    #expect(document.isList, "\(tree)")
    #expect(document.nextToken == nil, "\(tree)")
    // Fine to check; to resolve it is an error that says so.
    let fault = #expect(throws: DocumentFaults.self) { try document.item(nil) }
    #expect(fault?.faults.count == 1)
    #expect(fault?.faults.first?.message.contains("empty") == true)
  }
}

@Test(arguments: SchemaLayout.allCases)
func aListGivesAllOfItsExecutions(_ layout: SchemaLayout) throws {
  let list: JSONTree = [
    "items": [execution("e-1", spec: spec), execution("e-2", spec: nil), execution("e-3", spec: spec)],
    "next_token": "more",
  ]
  for tree in alsoBelowSpec(list) {
    let document = try read(tree, layout)
    #expect(document.items.map(\.id) == ["e-1", "e-2", "e-3"])
    #expect(document.items.map(\.hasJobSpec) == [true, false, true])
    #expect(document.isList)
    for item in document.items {
      #expect(catalog.examine(item).faults == [])
    }
    #expect(catalog.examine(try document.item("e-3")).execution.secrets.map(\.name) == ["A"])
  }
  #expect(try read(list, layout).nextToken == "more")
}

@Test(arguments: SchemaLayout.allCases)
func anExecutionReadsTheSameInWhateverStandsAroundIt(_ layout: SchemaLayout) throws {
  let whole = execution("e-1", spec: spec)
  for tree in [whole, ["execution": whole], ["items": [whole]]].flatMap(alsoBelowSpec) {
    let document = try read(tree, layout)
    let validation = try catalog.examine(document.item(nil))
    #expect(validation.faults == [])
    #expect(validation.execution.id == "e-1")
    #expect(validation.execution.jobID == "job-abc123xyz")
    #expect(validation.execution.namespace == "production")
    #expect(validation.execution.nodeID == "node-edge-us-west-01")
    #expect(validation.execution.name == "web")
    #expect(validation.execution.hasJobSpec)
    #expect(validation.execution.secrets.map(\.name) == ["A"])
    #expect(try document.item(nil).jobVersion == 2)
    #expect(try document.item(nil).isBareJobSpec == false)
  }
}

@Test(arguments: SchemaLayout.allCases)
func aJobSpecReadsTheSameInWhateverStandsAroundIt(_ layout: SchemaLayout) throws {
  for tree in [spec, ["job": spec], ["job": ["spec": spec]]].flatMap(alsoBelowSpec) {
    let document = try read(tree, layout)
    let validation = try catalog.examine(document.item(nil))
    #expect(validation.faults == [])
    #expect(validation.execution.id == nil)
    #expect(validation.execution.name == "web")
    #expect(validation.execution.hasJobSpec)
    #expect(validation.execution.secrets.map(\.name) == ["A"])
    #expect(try document.item(nil).isBareJobSpec)
    #expect(!document.isList)
  }
}

@Test(arguments: SchemaLayout.allCases)
func faultsAreSaidAtTheirPathInWhateverStandsAroundThem(_ layout: SchemaLayout) throws {
  let bad = (["name": "web"] as JSONTree).adding([
    "secret_providers": ["f": ["provider": "file"]], "secrets": ["A": ["from": "f"]],
  ])
  let whole = execution("e-1", spec: bad)
  for tree in [bad, ["job": bad], whole, ["execution": whole]].flatMap(alsoBelowSpec) {
    let faults = try faults(tree, layout)
    #expect(faults.map(\.path) == ["secrets.A.path"])
    #expect(faults.first?.position != nil)
  }
  let list: JSONTree = ["items": [execution("e-0", spec: spec), whole]]
  let item = try read(list, layout).item("e-1")
  #expect(catalog.examine(item).faults.map(\.path) == ["items[1].job_spec.secrets.A.path"])
}

// MARK: - Without the job's specification

/// The example of the API's page, in its own layout.
private let example = """
  {
    "items": [
      {
        "id": "exec-789xyz456abc",
        "job_id": "job-abc123xyz",
        "job_type": "pipeline",
        "job_version": 2,
        "namespace": "production",
        "node_id": "node-edge-us-west-01",
        "status": {
          "created_at": "2025-01-15T10:35:00Z",
          "desired_state": {"message": "", "state_type": "run"},
          "observed_state": {"message": "Pipeline processing logs", "state_type": "running"},
          "revision": 5,
          "updated_at": "2025-01-15T10:36:15Z"
        }
      }
    ],
    "next_token": "string"
  }
  """

@Test func theExampleOfTheAPIsPageIsValid() throws {
  for syntax in [ExecutionDocument.Syntax.json, .yaml, .detected] {
    let document = try ExecutionDocument(SecretBytes(example), syntax: syntax)
    #expect(document.nextToken == "string")
    let validation = try catalog.examine(document.item(nil))
    #expect(validation.faults == [])
    #expect(!validation.execution.hasJobSpec)
    #expect(validation.execution.id == "exec-789xyz456abc")
    #expect(validation.execution.jobID == "job-abc123xyz")
    #expect(validation.execution.nodeID == "node-edge-us-west-01")
    #expect(validation.execution.states.desired == .running)
    #expect(validation.execution.states.observed == .running)
    #expect(validation.execution.states.end == nil)
    #expect(try document.item(nil).needsJobSpec)
  }
}

@Test(arguments: SchemaLayout.allCases)
func anExecutionWithoutJobSpecIsValidAlone(_ layout: SchemaLayout) throws {
  let bare: [JSONTree] = [execution("e-1", spec: nil), execution("e-1", spec: .null), ["id": "e-1", "status": [:]]]
  for execution in bare {
    for tree in [execution, ["execution": execution], ["items": [execution]]].flatMap(alsoBelowSpec) {
      let validation = try catalog.examine(read(tree, layout).item(nil))
      #expect(validation.faults == [])
      #expect(validation.execution.id == "e-1")
      #expect(!validation.execution.hasJobSpec)
      #expect(validation.execution.secrets.isEmpty)
    }
  }
}

@Test(arguments: SchemaLayout.allCases)
func aJobBesideItsExecutionIsItsJobSpec(_ layout: SchemaLayout) throws {
  let tree: JSONTree = ["execution": execution("e-1", spec: nil), "job": spec]
  let validation = try catalog.examine(read(tree, layout).item(nil))
  #expect(validation.faults == [])
  #expect(validation.execution.id == "e-1")
  #expect(validation.execution.hasJobSpec)
  #expect(validation.execution.secrets.map(\.name) == ["A"])
}

// MARK: - Blocks

@Test(arguments: SchemaLayout.allCases)
func aMisspeltBlockIsAnErrorThatNamesTheRightOne(_ layout: SchemaLayout) throws {
  let rows: [(wrong: String, right: String, JSONTree)] = [
    ("secret", "secrets", ["secret_providers": ["f": ["provider": "file"]], "secret": ["A": ["from": "f"]]]),
    ("Secrets", "secrets", ["secret_providers": ["f": ["provider": "file"]], "Secrets": ["A": ["from": "f"]]]),
    ("secret", "secrets", ["name": "web", "secret": ["A": ["from": "f"]]]),
    (
      "secret_provider", "secret_providers",
      ["secret_provider": ["f": ["provider": "file"]], "secrets": ["A": ["from": "f", "path": "/x"]]]
    ),
  ]
  for (wrong, right, spec) in rows {
    for tree in [spec, ["spec": spec], execution("e-1", spec: spec)] {
      let found = try faults(tree, layout).filter { $0.path == wrong }
      #expect(found.map(\.severity) == [.error], "\(tree)")
      #expect(found.first?.message.contains("\"\(right)\"") == true)
      #expect(found.first?.position != nil)
    }
  }
}

@Test(arguments: SchemaLayout.allCases)
func oneBlockWithoutTheOtherIsSaid(_ layout: SchemaLayout) throws {
  let secrets: JSONTree = [
    "name": "web", "secrets": ["A": ["from": "f", "path": "/x"], "B": ["from": "f", "path": "/y"]],
  ]
  let providers: JSONTree = ["name": "web", "secret_providers": ["f": ["provider": "file"]]]
  for zero in [nil, .null, [:], "", 0, false, []] as [JSONTree?] {
    let alone = secrets.adding(zero.map { ["secret_providers": $0] } ?? [:])
    for tree in [alone, execution("e-1", spec: alone)] {
      let faults = try faults(tree, layout)
      #expect(faults.map(\.path) == ["secret_providers"])
      #expect(faults.map(\.severity) == [.error])
    }
    let unused = providers.adding(zero.map { ["secrets": $0] } ?? [:])
    for tree in [unused, execution("e-1", spec: unused)] {
      let faults = try faults(tree, layout)
      #expect(faults.map(\.path) == ["secrets"])
      #expect(faults.map(\.severity) == [.warning])
    }
  }
}

/// A map is no struct: who wrote a name into it wants something, also where nothing stands behind it.
@Test(arguments: SchemaLayout.allCases)
func aNamedEntryWithNothingInItIsNotAbsent(_ layout: SchemaLayout) throws {
  for zero in [[:], ["from": ""], ["from": .null, "path": ""]] as [JSONTree] {
    let spec: JSONTree = ["secret_providers": ["f": ["provider": "file"]], "secrets": ["A": zero]]
    #expect(try faults(spec, layout).filter { $0.severity == .error }.map(\.path) == ["secrets.A.from"])
  }
  for zero in [[:], ["provider": ""], ["provider": .null, "address": ""]] as [JSONTree] {
    let spec: JSONTree = ["secret_providers": ["f": zero], "secrets": ["A": ["from": "f", "path": "/x"]]]
    #expect(try faults(spec, layout).filter { $0.severity == .error }.map(\.path) == ["secret_providers.f.provider"])
  }
}

@Test(arguments: SchemaLayout.allCases)
func aJobWithoutSecretsHasNoFault(_ layout: SchemaLayout) throws {
  let none: [JSONTree] = [
    ["name": "web"], ["name": "web", "secrets": .null, "secret_providers": .null],
    ["name": "web", "secrets": [:], "secret_providers": [:]], ["type": "pipeline", "config": [:]],
  ]
  for spec in none {
    for tree in [spec, ["spec": spec], ["job": spec], execution("e-1", spec: spec)] {
      #expect(try faults(tree, layout) == [], "\(tree)")
    }
  }
  #expect(try faults(execution("e-1", spec: [:]), layout) == [])
}
