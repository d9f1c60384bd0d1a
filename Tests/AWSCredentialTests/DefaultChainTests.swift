import EventLoop
import Foundation
import HTTPTransport
import Logging
import NodePolicy
import ProviderKit
import SecretBytes
import Synchronization
import TestSupport
import Testing

@testable import AWSProvider

@Suite struct DefaultChainTests {
  @Test(arguments: DefaultChainRow.all)
  func takesTheFirstSourceThatIsSetUp(row: DefaultChainRow) throws {
    let scene = try CredentialScene(time: ManualTime(skipsSleeps: !row.runsCommand))
    func filled(_ text: String) -> String { text.replacing("HOME", with: scene.folder.path) }
    for (name, value) in row.variables {
      scene.environment[name] = filled(value)
    }
    var files = row.files
    files[".aws/config"] = row.config
    files[".aws/credentials"] = row.credentials
    for (name, text) in files {
      try scene.write(name, filled(text))
    }
    let loop = try EventLoop()
    scene.loop = loop
    let answers = row.answers.map { $0.mapValues { ($0.status, $0.body) } }
    let session = try scene.session(over: answers.map { ScriptedTransport.answering($0) } ?? .silent)
    let outcome = loop.run { () async -> Result<ResolvedCredentials, ProviderFailure> in
      do throws(ProviderFailure) {
        return .success(try await session.current().credential)
      } catch {
        return .failure(error)
      }
    }
    switch (row.expected, outcome) {
    case (.key(let key, let source, let token), .success(let resolved)):
      #expect(resolved.credentials.accessKeyID == key)
      #expect(resolved.source.hasPrefix(source), "\(resolved.source)")
      #expect(resolved.credentials.sessionToken?.unsafeString() == token)
    case (.fault(let words), .failure(let failure)):
      #expect(failure.line.contains(words), "\(failure.line)")
      #expect(!failure.line.contains("no AWS credentials"), "\(failure.line)")
    case (.nothing(let words), .failure(let failure)):
      #expect(failure.line.contains("no AWS credentials: "), "\(failure.line)")
      #expect(failure.line.contains(words), "\(failure.line)")
    case (_, .success(let resolved)): Issue.record("\(resolved.shown)")
    case (_, .failure(let failure)): Issue.record("\(failure.line)")
    }
  }

  // MARK: - What is said where nothing is found

  private final class Book: Sendable {
    private struct Handler: LogHandler {
      let book: Book
      var logLevel = Logger.Level.trace
      var metadata: Logger.Metadata = [:]
      subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
      }
      func log(event: LogEvent) {
        guard event.level >= .warning else {
          return
        }
        book.lines.withLock { $0.append("\(event.message)") }
      }
    }

    let lines = Mutex<[String]>([])
    var logger: Logger { Logger(label: "test") { _ in Handler(book: self) } }
  }

  private static func services(_ scene: CredentialScene, _ book: Book) -> ProviderServices {
    let environment = scene.environment
    return ProviderServices(
      transport: { _ in ScriptedTransport.silent }, time: scene.time, random: { 0.5 },
      environment: NodeEnvironment(policy: scene.policy) { environment[$0].map { SecretBytes($0) } },
      policy: scene.policy, log: book.logger)
  }

  @Test func saysALineASourceOnceForAllConnections() async throws {
    let scene = try CredentialScene()
    let book = Book()
    let services = Self.services(scene, book)
    let searches = try (0..<3).map { _ in CredentialSearch(try scene.context(with: services)) }
    var lines: Set<String> = []
    for search in searches + searches {
      let failure = await #expect(throws: ProviderFailure.self) { try await search.resolve() }
      lines.insert(failure?.line ?? "")
    }
    #expect(
      lines == [
        "provider p: no AWS credentials: environment, web identity, profile, container: not set up; "
          + "instance metadata is turned off by AWS_EC2_METADATA_DISABLED; give auth, or set one of these up"
      ])
    let said = book.lines.withLock { $0 }.map { $0.replacing("no AWS credentials by the default chain: ", with: "") }
    #expect(said.count == 5)
    #expect(said.first == "environment: AWS_ACCESS_KEY_ID is not set")
    for (line, source) in zip(said, ["environment:", "web identity:", "profile:", "container:", "instance metadata "]) {
      #expect(line.hasPrefix(source) && !line.contains("\n"), "\(line)")
    }
  }

  @Test func saysItAnewAfterCredentialsWereThere() async throws {
    let scene = try CredentialScene()
    let book = Book()
    let services = Self.services(scene, book)
    let search = CredentialSearch(try scene.context(with: services))
    await #expect(throws: ProviderFailure.self) { try await search.resolve() }
    try scene.write(".aws/credentials", "[default]\naws_access_key_id = A\naws_secret_access_key = s\n")
    #expect(try await search.resolve().credentials.accessKeyID == "A")
    try scene.write(".aws/credentials", "")
    await #expect(throws: ProviderFailure.self) { try await search.resolve() }
    #expect(book.lines.withLock { $0.count } == 10)
  }

  @Test func saysWhereTheAWSCommandReadsTheFilesOtherwise() throws {
    let scene = try CredentialScene()
    try scene.write(".aws/config", "[default]\nregion = a # here\nregion = b\n[default]\n")
    let book = Book()
    let services = Self.services(scene, book)
    let provider = SecretsManagerProvider(
      try scene.settings(), over: OpenConnection(named: "p", services: services))
    try provider.checkAddresses()
    try provider.checkAddresses()
    let path = scene.path(".aws/config")
    #expect(
      book.lines.withLock { $0 } == [
        "\(path) line 2: the aws command takes the comment behind a value as part of it",
        "\(path) line 3: a key stands twice in its section, for which the aws command refuses the file",
        "\(path) line 4: a section stands there twice, for which the aws command refuses the file",
      ])
  }
}
