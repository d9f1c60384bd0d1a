import Delivery
import Foundation
import SecretBytes
import Testing

/// The programs that read env files in the field, or their grammars written anew; nothing here shares code with the renderer.
enum Consumers {
  /// `shell` is a program, or one and its applet.
  static func shell(_ shell: String..., reading text: SecretBytes) throws -> [String: [UInt8]] {
    try withFile(text) { path in
      let script = ["-c", "set -a; . \"$1\"; exec /usr/bin/env -0", "sh", path]
      let output = try run(shell[0], Array(shell.dropFirst()) + script, environment: [:])
      var variables: [String: [UInt8]] = [:]
      for entry in output.split(separator: 0) {
        let equals = try #require(entry.firstIndex(of: UInt8(ascii: "=")))
        variables[String(decoding: entry[..<equals], as: UTF8.self)] = Array(entry[(equals + 1)...])
      }
      return variables.filter { $0.key.hasPrefix("NAME") }
    }
  }

  static func pythonDotenv(_ text: SecretBytes) throws -> [String: [UInt8]] {
    try #require(try pythonDotenv([text]).first ?? nil)
  }

  /// For each text its variables, or `nil` where one has no value or a line is not understood.
  static func pythonDotenv(_ texts: [SecretBytes]) throws -> [[String: [UInt8]]?] {
    try readEach(
      texts, by: python,
      [
        "-c",
        """
        import json, logging, sys
        try:
            import dotenv
        except ImportError:
            sys.exit("python-dotenv is missing: pip install python-dotenv, or name an interpreter that has it in SECRETS_AGENT_PYTHON")
        complaints = []
        class Collect(logging.Handler):
            def emit(self, record): complaints.append(record.getMessage())
        logging.getLogger("dotenv").addHandler(Collect())
        read = []
        for path in sys.argv[1:]:
            complaints.clear()
            values = dotenv.dotenv_values(path)
            good = not complaints and all(v is not None for v in values.values())
            read.append({k: v.encode().hex() for k, v in values.items()} if good else None)
        print(json.dumps(read))
        """,
      ])
  }

  static func nodeDotenv(_ text: SecretBytes) throws -> [String: [UInt8]] {
    try #require(try nodeDotenv([text]).first ?? nil)
  }

  /// The grammar of the dotenv npm package, put together from its parts.
  static func nodeDotenv(_ texts: [SecretBytes]) throws -> [[String: [UInt8]]?] {
    try readEach(
      texts, by: node,
      [
        "-e",
        #"""
        const quoted = ["'", '"', '`'].map(q => `\\s*${q}(?:\\\\${q}|[^${q}])*${q}`).join('|')
        const name = '\\s*(?:export\\s+)?([\\w.-]+)'
        const separator = '(?:\\s*=\\s*?|:\\s+?)'
        const statement = new RegExp(`^${name}${separator}(${quoted}|[^#\\r\\n]+)?\\s*(?:#.*)?$`, 'gm')
        const read = process.argv.slice(1).map(path => {
          const text = require('fs').readFileSync(path).toString().replace(/\r\n?/g, '\n')
          const variables = {}
          for (const [, key, raw] of text.matchAll(statement)) {
            const trimmed = (raw || '').trim()
            let value = trimmed.replace(/^(['"`])([\s\S]*)\1$/gm, '$2')
            if (trimmed.startsWith('"')) value = value.replace(/\\n/g, '\n').replace(/\\r/g, '\r')
            variables[key] = Buffer.from(value).toString('hex')
          }
          return variables
        })
        console.log(JSON.stringify(read))
        """#,
      ])
  }

  /// Go's `bufio.ScanLines` (one `\r` before the `\n` goes; less than 64 KiB a line), then docker's rule: the first `=` divides.
  static func docker(_ text: SecretBytes) throws -> [String: [UInt8]] {
    var variables: [String: [UInt8]] = [:]
    for var line in text.array.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
      try #require(line.count < 65_536)
      if line.last == UInt8(ascii: "\r") {
        line = line.dropLast()
      }
      line = line.drop { [9, 10, 11, 12, 13, 32].contains($0) }
      if line.isEmpty || line.first == UInt8(ascii: "#") {
        continue
      }
      let equals = try #require(line.firstIndex(of: UInt8(ascii: "=")))
      variables[String(decoding: line[..<equals], as: UTF8.self)] = Array(line[(equals + 1)...])
    }
    return variables
  }

  /// A table-driven writing of systemd's `env-file.c`.
  static func systemd(_ text: SecretBytes) throws -> [String: [UInt8]] {
    let read = try readEach(
      [text], by: python,
      [
        "-c",
        #"""
        import json, sys
        text = open(sys.argv[1], "rb").read().decode()
        out, state, key, val, keep = {}, "before key", "", "", 0
        def push():
            bad = any(0xFDD0 <= ord(c) <= 0xFDEF or ord(c) & 0xFFFE == 0xFFFE for c in val)
            if not bad:
                out[key.rstrip(" \t")] = (val if state != "text" else val[:keep]).encode().hex()
        for c in text + "\n":
            newline, blank = c in "\r\n", c in " \t\r\n"
            if state == "before key":
                if c in "#;": state = "comment"
                elif not blank: state, key, val, keep = "key", c, "", 0
            elif state == "key":
                if newline: state = "before key"
                elif c == "=": state = "before value"
                else: key += c
            elif state == "before value":
                if newline: push(); state = "before key"
                elif c == "'": state = "single"
                elif c == '"': state = "double"
                elif c == "\\": state = "escape"
                elif not blank: state = "text"; val += c; keep = len(val)
            elif state == "text":
                if newline: push(); state = "before key"
                elif c == "\\": state = "escape"
                else:
                    val += c
                    if not blank: keep = len(val)
            elif state == "escape":
                if not newline: val += c
                state, keep = "text", len(val)
            elif state == "single":
                if c == "'": state = "before value"
                else: val += c
            elif state == "double":
                if c == '"': state = "before value"
                elif c == "\\": state = "double escape"
                else: val += c
            elif state == "double escape":
                state = "double"
                if c in '"\\`$': val += c
                elif c != "\n": val += "\\" + c
            elif state == "comment":
                if newline: state = "before key"
        print(json.dumps([out if state == "before key" else None]))
        """#,
      ])
    return try #require(read.first ?? nil)
  }

  static func json(_ text: SecretBytes) throws -> [String: [UInt8]] {
    let read = try readEach(
      [text], by: python,
      [
        "-c",
        "import json,sys;print(json.dumps([{k:v.encode().hex() for k,v in json.load(open(sys.argv[1],'rb')).items()}]))",
      ])
    return try #require(read.first ?? nil)
  }

  static var python: String { ProcessInfo.processInfo.environment["SECRETS_AGENT_PYTHON"] ?? "python3" }

  static var node: String { ProcessInfo.processInfo.environment["SECRETS_AGENT_NODE"] ?? "node" }

  static func readEach(
    _ texts: [SecretBytes], by program: String, _ arguments: [String]
  ) throws -> [[String: [UInt8]]?] {
    let folder = try TemporaryFolder()
    let paths = try texts.enumerated().map { place, text in
      let path = folder.path("\(place).env")
      try Data(text.array).write(to: URL(fileURLWithPath: path))
      return path
    }
    let output = try run(program, arguments + paths)
    let read = try JSONDecoder().decode([[String: String]?].self, from: Data(output))
    return read.map { $0?.mapValues(bytes) }
  }

  static func bytes(hex: String) -> [UInt8] {
    var digits = hex[...]
    var bytes: [UInt8] = []
    while !digits.isEmpty {
      bytes.append(UInt8(digits.prefix(2), radix: 16)!)
      digits = digits.dropFirst(2)
    }
    return bytes
  }

  static func withFile<R>(_ text: SecretBytes, _ body: (String) throws -> R) throws -> R {
    let folder = try TemporaryFolder()
    let path = folder.path("file.env")
    try Data(text.array).write(to: URL(fileURLWithPath: path))
    return try body(path)
  }
}

/// What the program wrote to its standard output; a status other than 0 is an error that shows its standard error.
@discardableResult
func run(
  _ program: String, _ arguments: [String], environment: [String: String]? = nil, input: SecretBytes = SecretBytes()
) throws -> [UInt8] {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  if let environment {
    process.environment = environment.merging(["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"])
    { $1 }
  }
  let output = Pipe()
  process.standardOutput = output
  let errors = try TemporaryFolder()
  let errorPath = errors.path("stderr")
  _ = FileManager.default.createFile(atPath: errorPath, contents: nil)
  process.standardError = FileHandle(forWritingAtPath: errorPath)
  let inputPath = errors.path("stdin")
  try Data(input.array).write(to: URL(fileURLWithPath: inputPath))
  process.standardInput = FileHandle(forReadingAtPath: inputPath)
  try process.run()
  let bytes = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  let complaint = (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? ""
  guard process.terminationStatus == 0 else {
    throw ProgramFailed(description: "\(program) failed (is it installed?): \(complaint)")
  }
  return Array(bytes)
}

struct ProgramFailed: Error, CustomStringConvertible {
  let description: String
}

/// A folder of mode 0700 that goes with this object, mounts on it included.
final class TemporaryFolder {
  let root: String
  private var mounts: [String] = []

  init() throws {
    root = FileManager.default.temporaryDirectory.path + "/delivery-tests-" + UUID().uuidString
    try FileManager.default.createDirectory(
      atPath: root, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
  }

  deinit {
    for mount in mounts {
      _ = try? run("umount", [mount])
    }
    try? FileManager.default.removeItem(atPath: root)
  }

  func path(_ name: String) -> String { root + "/" + name }

  func makeFolder(_ name: String) throws -> String {
    try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
    return path(name)
  }

  /// A tmpfs on a new folder.
  func mountTmpfs(_ name: String, size: String) throws -> String {
    let folder = try makeFolder(name)
    try run("mount", ["-t", "tmpfs", "-o", "size=\(size),mode=0700", "tmpfs", folder])
    mounts.append(folder)
    return folder
  }

  /// Every name beneath `name`, sorted.
  func names(_ name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(name)).sorted()
  }

  static let canMount: Bool = {
    guard let folder = try? TemporaryFolder() else {
      return false
    }
    return (try? folder.mountTmpfs("probe", size: "64k")) != nil
  }()
}

func status(_ path: String) throws -> stat {
  var status = stat()
  try #require(lstat(path, &status) == 0, "no \(path)")
  return status
}

func content(_ path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}
