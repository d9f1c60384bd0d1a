import ExecutionModel
import JSONReader
import SecretBytes
import Testing

private let blocks: JSONTree = [
  "secret_providers": ["f": ["provider": "file"]], "secrets": ["A": ["from": "f", "path": "/etc/shop/a"]],
]

private func execution(desired: String?, observed: String?, spec: JSONTree = blocks) -> JSONTree {
  let states: [JSONTree.Member] =
    (desired.map { [.init("desired_state", ["state_type": .string($0)])] } ?? [])
    + (observed.map { [.init("observed_state", ["state_type": .string($0), "message": "m"])] } ?? [])
  return ["id": "e-1", "job_id": "job-1", "job_spec": spec, "status": .object(states)]
}

private func examined(_ tree: JSONTree, _ layout: SchemaLayout) throws -> Validation {
  try catalog.examine(layout.read(tree).item(nil))
}

// MARK: - States

/// Every word of the page that leaves an execution going, for either state.
private let lasting: [String?] = [
  nil, "pending", "starting", "validating", "running", "degraded", "failed", "lost", "stopping",
]

@Test(arguments: [nil, "", "pending", "running", "run"] as [String?], lasting)
func anExecutionKeepsItsSecretsInEveryStateThatMayComeBack(_ desired: String?, _ observed: String?) throws {
  for layout in SchemaLayout.allCases {
    let validation = try examined(execution(desired: desired, observed: observed), layout)
    #expect(validation.faults == [])
    #expect(validation.execution.states.end == nil)
    #expect(validation.execution.states.desired == (desired == "pending" ? .pending : .running))
    #expect(validation.execution.states.observed?.rawValue == observed)
  }
}

@Test(arguments: [nil, "pending", "running", "run"] as [String?], ["completed", "stopped"])
func anExecutionThatIsObservedToBeOverEnds(_ desired: String?, _ observed: String) throws {
  for layout in SchemaLayout.allCases {
    let validation = try examined(execution(desired: desired, observed: observed), layout)
    #expect(validation.faults == [])
    #expect(validation.execution.states.end?.contains(observed) == true)
  }
}

@Test(arguments: lasting + ["completed", "stopped"])
func anExecutionThatIsToStopEnds(_ observed: String?) throws {
  for layout in SchemaLayout.allCases {
    let validation = try examined(execution(desired: "stopped", observed: observed), layout)
    #expect(validation.faults == [])
    #expect(validation.execution.states.desired == .stopped)
    #expect(validation.execution.states.end?.contains("stopped") == true)
  }
}

@Test(arguments: SchemaLayout.allCases)
func aStateOfTheFutureEndsNothing(_ layout: SchemaLayout) throws {
  let observed = try examined(execution(desired: "running", observed: "hibernating"), layout)
  #expect(observed.faults == [])
  #expect(observed.execution.states.observed == nil)
  #expect(observed.execution.states.end == nil)
  let desired = try examined(execution(desired: "hibernating", observed: "running"), layout)
  #expect(desired.isValid)
  #expect(desired.execution.states.end == nil)
}

@Test(arguments: SchemaLayout.allCases)
func theStatesOfAnExecutionWithoutJobSpecCount(_ layout: SchemaLayout) throws {
  for (desired, observed) in [("stopped", "running"), ("running", "completed")] {
    let item = try layout.read(execution(desired: desired, observed: observed, spec: .null)).item(nil)
    #expect(catalog.examine(item).execution.states.end != nil)
    #expect(!item.needsJobSpec)
  }
}

// MARK: - The future

@Test(arguments: SchemaLayout.allCases)
func whatEverythingOnThePageIsReadPastWithoutAWord(_ layout: SchemaLayout) throws {
  let spec: JSONTree = [
    "config": ["pipeline": ["input": ["generate": [:]], "secrets": ["x": 1]], "secret": "y"],
    "description": "d", "labels": ["secrets": "yes"], "meta": ["expanso.io/x": "y"], "name": "web",
    "namespace": "production", "priority": 50, "restart_policy": "on-failure",
    "rollout": ["strategy": "rolling", "health_check": ["deadline": 300_000_000_000]],
    "selector": ["match_expressions": ["region=us-east"], "match_ids": [], "match_labels": [:]],
    "timeouts": ["execution_timeout": 0, "queue_timeout": 60, "total_timeout": 0], "type": "pipeline",
  ]
  let tree: JSONTree = [
    "eval_id": "eval-1", "id": "e-1", "job_id": "job-1", "job_spec": spec.adding(blocks), "job_type": "pipeline",
    "job_version": 2, "namespace": "production", "node_id": "node-1", "rollout_wave": 0,
    "status": [
      "created_at": "2025-01-15T10:35:00Z", "desired_state": ["details": ["a": "b"], "state_type": "running"],
      "details": ["error_code": "E1"], "next_execution_id": "", "previous_execution_id": "e-0", "revision": 5,
      "observed_state": ["message": "m", "state_type": "running"], "stable_at": "0001-01-01T00:00:00Z",
      "updated_at": "2025-01-15T10:36:15Z",
    ],
  ]
  #expect(try examined(tree, layout).faults == [])
  #expect(try examined(spec.adding(blocks), layout).faults == [])
}

/// Shapes that a member may come to have.
private let shapes: [JSONTree] = [
  .null, true, 7, "text", [], [1, ["a": .null], [[]]], [:], ["secrets": 3, "secret_providers": [[]], "items": ["x"]],
]

@Test(arguments: SchemaLayout.allCases, shapes.indices)
func membersOfAnyFutureShapeAreReadPast(_ layout: SchemaLayout, _ index: Int) throws {
  let shape = shapes[index]
  let new: [JSONTree.Member] = [.init("lease", shape), .init("zone", shape), .init("x-annotations", shape)]
  let known = ["config", "rollout", "selector", "timeouts", "labels", "meta", "priority", "restart_policy"]
  let spec = JSONTree.object(known.map { .init($0, shape) } + new).adding(blocks)
  let status: JSONTree = [
    "desired_state": ["state_type": "stopped", "details": shape, "message": shape, "lease": shape],
    "observed_state": ["state_type": "failed", "details": shape, "message": shape, "lease": shape],
    "details": shape, "revision": shape, "created_at": shape, "updated_at": shape, "stable_at": shape, "lease": shape,
    "next_execution_id": shape, "previous_execution_id": shape,
  ]
  let execution: JSONTree = [
    "id": "e-1", "eval_id": shape, "job_version": shape, "job_type": shape, "rollout_wave": shape,
    "job_spec": spec, "status": status,
  ]
  let list: JSONTree = ["items": [execution.adding(.object(new))], "total": shape, "lease": shape]
  for tree in [execution.adding(.object(new)), list, ["execution": execution, "lease": shape, "zone": shape]] {
    let validation = try examined(tree, layout)
    #expect(validation.faults == [], "\(tree)")
    #expect(validation.execution.secrets.map(\.name) == ["A"])
    #expect(validation.execution.states.desired == .stopped)
    #expect(validation.execution.states.observed == .failed)
  }
  for tree in [spec, ["job": spec, "lease": shape], ["spec": spec, "lease": shape]] {
    #expect(try examined(tree, layout).faults == [], "\(tree)")
  }
}

// MARK: - Changes

private let before: JSONTree = [
  "id": "e-1", "eval_id": "eval-1", "job_id": "job-1", "job_type": "pipeline", "job_version": 2,
  "namespace": "production", "node_id": "node-1", "rollout_wave": 1,
  "job_spec": (["name": "web", "priority": 50, "config": ["a": 1], "labels": ["l": "1"]] as JSONTree).adding(blocks),
  "status": [
    "created_at": "2025-01-15T10:35:00Z", "updated_at": "2025-01-15T10:36:15Z", "revision": 5,
    "stable_at": "0001-01-01T00:00:00Z", "details": ["a": "b"],
    "desired_state": ["state_type": "running", "message": "", "details": ["a": "b"]],
    "observed_state": ["state_type": "running", "message": "busy", "details": ["a": "b"]],
  ],
]

/// The tree with the value at the path replaced, or added.
private func changed(_ tree: JSONTree, _ path: ArraySlice<String>, _ value: JSONTree) -> JSONTree {
  guard let key = path.first, case .object(var members) = tree else {
    return value
  }
  let index = members.firstIndex { $0.name == key }
  let inner = changed(index.map { members[$0].value } ?? [:], path.dropFirst(), value)
  if let index {
    members[index] = .init(key, inner)
  } else {
    members.append(.init(key, inner))
  }
  return .object(members)
}

private func readsTheSame(_ one: JSONTree, _ other: JSONTree, _ layout: SchemaLayout) throws -> Bool {
  let (left, right) = try (layout.read(one).item(nil), layout.read(other).item(nil))
  let forth = left.readsTheSame(as: right)
  #expect(forth == right.readsTheSame(as: left))
  return forth
}

private let noChange: [(String, JSONTree)] = [
  ("status.created_at", "2026-01-15T10:35:00Z"), ("status.updated_at", "2026-01-15T10:35:00Z"),
  ("status.stable_at", "2026-01-15T10:35:00Z"), ("status.revision", 6), ("status.details", ["c": "d"]),
  ("status.desired_state.message", "m"), ("status.desired_state.details", ["c": "d"]),
  ("status.observed_state.message", "idle"), ("status.observed_state.details", ["c": "d"]),
  ("status.next_execution_id", "e-2"), ("status.previous_execution_id", "e-0"), ("status.lease", [1]),
  ("job_spec.config", ["a": 2]), ("job_spec.priority", 51), ("job_spec.description", "d"),
  ("job_spec.rollout", ["strategy": "canary"]), ("job_spec.lease", [1]),
  ("eval_id", "eval-2"), ("rollout_wave", 2), ("lease", ["a": "b"]),
]

@Test(arguments: noChange)
func whatTheAgentDoesNotReadIsNoChange(_ path: String, _ value: JSONTree) throws {
  for layout in SchemaLayout.allCases {
    let after = changed(before, path.split(separator: ".").map(String.init)[...], value)
    #expect(after != before)
    #expect(try readsTheSame(before, after, layout))
  }
}

private let change: [(String, JSONTree)] = [
  ("id", "e-2"), ("job_id", "job-2"), ("namespace", "staging"), ("node_id", "node-2"),
  ("status.desired_state.state_type", "stopped"), ("status.observed_state.state_type", "completed"),
  ("status.observed_state.state_type", "failed"), ("job_spec", .null),
  ("job_spec.secrets.A.path", "/etc/shop/b"), ("job_spec.secrets.A.refresh", "30m"),
  ("job_spec.secrets.B", ["from": "f", "path": "/etc/shop/b"]), ("job_spec.secrets", [:]),
  ("job_spec.secret_providers.f.provider", "local_file"), ("job_spec.secret_providers.g", ["provider": "file"]),
  ("job_spec.labels", ["l": "2"]), ("job_spec.namespace", "staging"),
]

@Test(arguments: change)
func whatTheAgentReadsIsAChange(_ path: String, _ value: JSONTree) throws {
  for layout in SchemaLayout.allCases {
    let after = changed(before, path.split(separator: ".").map(String.init)[...], value)
    #expect(try !readsTheSame(before, after, layout))
  }
}

@Test func theLayoutIsNoChange() throws {
  let left = try SchemaLayout.json.read(before).item(nil)
  let right = try SchemaLayout.yaml.read(before).item(nil)
  #expect(left.readsTheSame(as: right))
  #expect(right.readsTheSame(as: left))
}
