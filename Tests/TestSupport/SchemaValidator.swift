import Foundation

/// Python's jsonschema, another mind than ours on what a schema says.
public enum SchemaValidator {
  public struct Fault: Error {
    let said: String
  }

  /// For each of `documents`, YAML or JSON, what the schema has against it, each fault behind its path; empty where nothing.
  public static func faults(of documents: [String], schema: String) throws -> [String] {
    let folder = try ScratchFolder()
    let given = try JSONSerialization.data(withJSONObject: ["schema": schema, "documents": documents])
    let path = try folder.write(String(decoding: given, as: UTF8.self), as: "given.json")
    let said = try Python.run(script, [path, folder.file("answer.json").path])
    let answer = FileManager.default.contents(atPath: folder.file("answer.json").path) ?? Data()
    guard let faults = try JSONSerialization.jsonObject(with: answer) as? [String], faults.count == documents.count
    else {
      throw Fault(said: said)
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
    def line(fault):
        return ".".join(str(part) for part in fault.absolute_path) + ": " + fault.message[:300]
    answer = ["; ".join(line(fault) for fault in validator.iter_errors(read(text))) for text in given["documents"]]
    json.dump(answer, open(sys.argv[2], "w"))
    """
}
