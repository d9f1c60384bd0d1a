import Foundation
import TestSupport
import Testing

extension OpenBaoTests {
  /// A thousand hostile values, from OpenBao through a file, read back by the programs that the file is for.
  @Suite struct EnvFiles {
    private let agent: SecretsAgent
    private let document: JobDocument
    private let values: [String: String]

    init() async throws {
      let bao = try await OpenBaoServer.shared()
      agent = try SecretsAgent()
      let values = Self.hostileValues(count: 1000)
      // OpenBao takes at most a thousand strings in one request: a few hundred fields a path.
      let paths = Dictionary(grouping: values.keys) { "part\(abs($0.utf8.reduce(0) { $0 &* 31 &+ Int($1) }) % 4)" }
      let mount = try await bao.makeKV2(
        paths.map { path, names in
          (path, JSON(Dictionary(uniqueKeysWithValues: names.map { ($0, values[$0] ?? "") })))
        })
      let role = try await bao.makeAppRole(reading: ["\(mount)/data/*"])
      var document = JobDocument(bao.address, auth: role.auth, secrets: [:])
      document.secrets = paths.flatMap { path, names in names.map { ($0, kv2(mount, path, $0)) } }
      self.document = document
      self.values = values
    }

    /// Values made of what the readers of env files trip over; the same ones in every run.
    private static func hostileValues(count: Int) -> [String: String] {
      let pieces = [
        "'", "\"", "\\", "$", "${HOME}", "$(id)", "`id`", "#", " #", ";", "=", " ", "  ", "\t", "\n", "\r", "\r\n", "!",
        "a", "Z", "0", "é", "日本", "🔑", "%s", "\\n", "\\'", "'\"'\"'", "''", "\"\"", "{", "}", "~", "*", "?", "&",
        "|", "<", ">", "\u{7f}", "\u{1b}[31m", "\u{feff}", "\u{2028}", "export ", "EOF\n", "\\\n", "'\\''",
      ]
      var random = Lehmer(state: 20_260_302)
      var values: [String: String] = [:]
      for number in 0..<count {
        let length = Int(random.next() % 12)
        values["V\(number)"] = (0..<length).map { _ in pieces[Int(random.next() % UInt64(pieces.count))] }.joined()
      }
      return values
    }

    /// Resolves into a file. Where the format cannot carry some values they are named in the errors; then it is
    /// tried again without them. Gives the names that were carried.
    private func carried(_ format: String, _ path: String) async throws -> Set<String> {
      let first = try await agent.run("resolve", try agent.file(document), "--format", format, "--output", path)
      if first.status == Status.done { return Set(values.keys) }
      #expect(!FileManager.default.fileExists(atPath: path))
      let words = Set(first.errorText.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init))
      let refused = words.intersection(values.keys)
      var rest = document
      rest.secrets.removeAll { refused.contains($0.key) }
      let second = try await agent.run("resolve", try agent.file(rest), "--format", format, "--output", path)
      #expect(second.status == Status.done, Comment(rawValue: second.errorText))
      return Set(values.keys).subtracting(refused)
    }

    private func expectReadBack(
      _ read: [String: String], _ names: Set<String>, sourceLocation: SourceLocation = #_sourceLocation
    ) {
      // By bytes: Swift's strings are equal also where their bytes differ.
      let differing = names.filter { read[$0].map { Data($0.utf8) } != values[$0].map { Data($0.utf8) } }
      let samples = differing.prefix(3).map {
        "\($0): \(values[$0].debugDescription) read as \(read[$0].debugDescription)"
      }
      #expect(differing.count == 0, Comment(rawValue: samples.joined(separator: "\n")), sourceLocation: sourceLocation)
    }

    @Test(arguments: ["dash", "bash"]) func shellReadsBackEveryOne(shell: String) async throws {
      let path = agent.folder.file("web.env").path
      let outcome = try await agent.run("resolve", try agent.file(document), "--format", "shell", "--output", path)
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      let dump = try await tool(shell, "-c", "set -a; . \"$1\"; env -0", shell, path, folder: agent.folder)
      var read: [String: String] = [:]
      for variable in dump.split(separator: 0) {
        let parts = variable.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        read[String(decoding: parts[0], as: UTF8.self)] = String(decoding: parts[1], as: UTF8.self)
      }
      expectReadBack(read, Set(values.keys))
    }

    private static let python = ProcessInfo.processInfo.environment["SECRETS_AGENT_PYTHON"]

    @Test(
      .enabled(if: python != nil, "SECRETS_AGENT_PYTHON does not name a Python with python-dotenv; see `make test`"))
    func dotenvIsReadBackByPythonDotenv() async throws {
      let python = try #require(Self.python)
      let path = agent.folder.file("web.env").path
      let names = try await carried("dotenv", path)
      // It expands ${…} even between single quotes, and reads a carriage return as a newline; both are refused.
      let plain = values.filter { !$0.value.contains("${") && !$0.value.utf8.contains(0x0d) }
      #expect(names.count > plain.count / 2)
      let script = "import dotenv, json, sys; print(json.dumps(dotenv.dotenv_values(sys.argv[1])))"
      let dump = try await tool(python, "-c", script, path, folder: agent.folder)
      expectReadBack(try #require(flatStrings(dump)), names)
    }

    /// `docker --env-file`: the line as it stands, which rules out line ends and little else.
    @Test func dockerCarriesWhatHasNoLineEnd() async throws {
      let path = agent.folder.file("web.env").path
      let names = try await carried("docker", path)
      let sound = values.filter { value in !value.value.utf8.contains { $0 == 0x0a || $0 == 0x0d } }
      #expect(names.isSuperset(of: sound.keys))
      var read: [String: String] = [:]
      for line in try Data(contentsOf: URL(fileURLWithPath: path)).split(separator: UInt8(ascii: "\n")) {
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("#") { continue }
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        read[String(parts[0])] = String(parts[1])
      }
      expectReadBack(read, names)
    }

    @Test func jsonHoldsExactlyTheNamesAndValues() async throws {
      let outcome = try await agent.resolve(document)
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      let read = try #require(flatStrings(outcome.output))
      #expect(read.count == values.count)
      expectReadBack(read, Set(values.keys))
    }

    @Test func systemdTakesEveryOneOrNamesIt() async throws {
      let path = agent.folder.file("web.env").path
      let names = try await carried("systemd", path)
      #expect(names.count > values.count / 2)
    }

    @Test func mountedFilesHoldTheExactBytes() async throws {
      let folder = agent.folder.file("mounted")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      let outcome = try await agent.run("resolve", try agent.file(document), "--files", folder.path)
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      for (name, value) in values {
        #expect(try Data(contentsOf: folder.appendingPathComponent(name)) == Data(value.utf8), "\(name)")
      }
      #expect(
        (try FileManager.default.destinationOfSymbolicLink(atPath: folder.appendingPathComponent("..data").path)) != "")
    }

    @Test func theFileIsItsOwnersAlone() async throws {
      let path = agent.folder.file("web.env").path
      _ = try await agent.run("resolve", try agent.file(document), "--format", "shell", "--output", path)
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
  }

  /// The same numbers in every run (Lehmer's generator with Park and Miller's constants).
  struct Lehmer {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state * 48_271 % 2_147_483_647
      return state
    }
  }
}
