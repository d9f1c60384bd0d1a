import Delivery
import SecretBytes
import Testing

/// A thousand hostile values of each format, written as one file and read back byte for byte by the programs that the format is for.
@Suite struct RealReaderTests {
  private func expect(
    _ format: EnvironmentFormat, readBy read: (SecretBytes) throws -> [String: [UInt8]],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let secrets = HostileValues.secrets(count: 1000, format: format)
    #expect(secrets.count == 1000, sourceLocation: sourceLocation)
    let meant = secrets.byName
    let found = try read(try EnvironmentFile.render(secrets, format: format))
    #expect(found.count == meant.count, sourceLocation: sourceLocation)
    let wrong = meant.filter { found[$0.key] != $0.value }
    for (name, value) in wrong.prefix(3) {
      let came = found[name].map { Array($0.prefix(200)) } ?? []
      Issue.record("\(name): \(value.prefix(200)) came as \(came)", sourceLocation: sourceLocation)
    }
    #expect(wrong.isEmpty, "\(wrong.count) wrong", sourceLocation: sourceLocation)
  }

  @Test(arguments: ["dash", "bash", "sh"]) func shell(shell: String) throws {
    try expect(.shell) { try Consumers.shell(shell, reading: $0) }
  }

  @Test(.enabled(if: Consumers.lacksBusybox == nil, Comment(rawValue: Consumers.lacksBusybox ?? "")))
  func busybox() throws {
    try expect(.shell) { try Consumers.shell("busybox", "ash", reading: $0) }
  }

  @Test func pythonDotenv() throws {
    try expect(.dotenv) { try Consumers.pythonDotenv($0) }
  }

  @Test(.enabled(if: Consumers.lacksNode == nil, Comment(rawValue: Consumers.lacksNode ?? "")))
  func grammarOfTheDotenvPackage() throws {
    try expect(.dotenv) { try Consumers.nodeDotenv($0) }
  }

  @Test(.enabled(if: Consumers.lacksNodeEnvFile == nil, Comment(rawValue: Consumers.lacksNodeEnvFile ?? "")))
  func nodeEnvFile() throws {
    try expect(.dotenv) { try Consumers.nodeEnvFile($0) }
  }

  @Test func grammarOfCompose() throws {
    try expect(.compose) { try #require(try Consumers.compose([$0]).first ?? nil) }
  }

  @Test func grammarOfDocker() throws {
    try expect(.docker) { try Consumers.docker($0) }
  }

  @Test(.enabled(if: Consumers.lacksDocker == nil, Comment(rawValue: Consumers.lacksDocker ?? "")))
  func dockerClient() throws {
    try expect(.docker) { try Consumers.dockerClient($0) }
  }

  @Test func grammarOfSystemd() throws {
    try expect(.systemd) { try Consumers.systemd($0) }
  }

  @Test(.enabled(if: Consumers.lacksSystemd == nil, Comment(rawValue: Consumers.lacksSystemd ?? "")))
  func systemdLibrary() throws {
    try expect(.systemd) { try Consumers.systemdLibrary(reading: $0) }
  }

  @Test func pythonJSON() throws {
    try expect(.json) { try Consumers.json($0) }
  }
}
