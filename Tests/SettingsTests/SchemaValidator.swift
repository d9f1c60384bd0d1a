import Foundation
import TestSupport

/// Python's jsonschema, another mind than ours on what a schema says.
enum SchemaValidator {
  static let python = ProcessInfo.processInfo.environment["SECRETS_AGENT_PYTHON"]
  static let absence = "SECRETS_AGENT_PYTHON does not name a Python with jsonschema and PyYAML; see `make test`"

  struct Fault: Error {
    let said: String
  }

  /// For each of `documents`, YAML or JSON, what the schema has against it; empty where nothing.
  static func faults(of documents: [String], schema: String) throws -> [String] {
    let folder = try ScratchFolder()
    let given = try JSONSerialization.data(withJSONObject: ["schema": schema, "documents": documents])
    let path = try folder.write(String(decoding: given, as: UTF8.self), as: "given.json")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python ?? "/nonexistent")
    process.arguments = ["-c", script, path, folder.file("answer.json").path]
    let errors = Pipe()
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let said = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let answer = FileManager.default.contents(atPath: folder.file("answer.json").path) ?? Data()
    guard process.terminationStatus == 0,
      let faults = try JSONSerialization.jsonObject(with: answer) as? [String], faults.count == documents.count
    else {
      throw Fault(said: String(decoding: said, as: UTF8.self))
    }
    return faults
  }

  private static let script = """
    import json, sys, jsonschema, yaml
    given = json.load(open(sys.argv[1]))
    schema = json.loads(given["schema"])
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    def read(text):
        try:
            return json.loads(text)
        except ValueError:
            return yaml.safe_load(text)
    answer = ["; ".join(fault.message[:300] for fault in validator.iter_errors(read(text))) for text in given["documents"]]
    json.dump(answer, open(sys.argv[2], "w"))
    """
}
