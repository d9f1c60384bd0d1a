import EventLoop
import Files
import Glibc
import Processes
import SecretBytes
import Text

/// A key that only the TPM which sealed it opens: the two parts that `tpm2_create` writes (TPM2B_PUBLIC and TPM2B_PRIVATE).
struct TPMSealedKey: Sendable, Equatable {
  /// What a line of the key file begins with that holds one.
  static let word: StaticString = "tpm2"
  /// Several times what a sealed key of 32 bytes takes.
  static let largestPart = 4096

  let publicPart: SecretBytes
  let privatePart: SecretBytes

  init?(publicPart: SecretBytes, privatePart: SecretBytes) {
    guard [publicPart, privatePart].allSatisfy({ (1...Self.largestPart).contains($0.count) }) else {
      return nil
    }
    self.publicPart = publicPart
    self.privatePart = privatePart
  }
}

/// Seals keys by this machine's TPM 2.0, with the tools of Debian's `tpm2-tools` (https://tpm2-tools.readthedocs.io).
///
/// The parent is the primary key that the TPM derives from its owner's seed: the same at each start until the TPM is cleared. The
/// variable `TPM2TOOLS_TCTI` says which TPM is meant; without it the tools take `/dev/tpmrm0`.
public struct TPMSeal: Sendable {
  /// A discrete TPM takes up to seconds for a primary key.
  private static let timeLimit: Duration = .seconds(30)
  private static let parent = "parent.context"
  private static let object = "object.context"
  private static let publicPart = "key.public"
  private static let privatePart = "key.private"

  private let loop: EventLoop
  private let environment: ProcessEnvironment

  /// - Parameters:
  ///   - loop: what notices the tools' ends.
  ///   - environment: where the tools are found, and which TPM they take; nothing else of it reaches them.
  public init(on loop: EventLoop, environment: ProcessEnvironment = .inherited()) {
    var environment = environment
    environment.keep(["PATH", "TPM2TOOLS_*", "TSS2_*"])
    self.loop = loop
    self.environment = environment
  }

  // MARK: - Sealing and opening

  func close(_ key: SecretBytes) async throws(CacheFault) -> TPMSealedKey {
    let folder = try ScratchFolder()
    try await makeParent(in: folder)
    // By its standard input: no disk sees the key.
    try await run(
      "tpm2_create", ["-C", Self.parent, "-i", "-", "-u", Self.publicPart, "-r", Self.privatePart], in: folder,
      reading: key)
    try await forgetObjects(in: folder)
    guard
      let sealed = TPMSealedKey(
        publicPart: try folder.read(Self.publicPart, limit: TPMSealedKey.largestPart),
        privatePart: try folder.read(Self.privatePart, limit: TPMSealedKey.largestPart))
    else {
      throw CacheFault("tpm2_create wrote no sealed key")
    }
    return sealed
  }

  func open(_ sealed: TPMSealedKey) async throws(CacheFault) -> SecretBytes {
    let folder = try ScratchFolder()
    try folder.write(sealed.publicPart, to: Self.publicPart)
    try folder.write(sealed.privatePart, to: Self.privatePart)
    try await makeParent(in: folder)
    try await run(
      "tpm2_load", ["-C", Self.parent, "-u", Self.publicPart, "-r", Self.privatePart, "-c", Self.object], in: folder)
    try await forgetObjects(in: folder)
    let key = try await run("tpm2_unseal", ["-c", Self.object], in: folder, answering: true)
    try await forgetObjects(in: folder)
    guard key.count == CacheKeys.Key.size else {
      throw CacheFault("the TPM opened what is no key of the cache")
    }
    return key.detached()
  }

  private func makeParent(in folder: borrowing ScratchFolder) async throws(CacheFault) {
    try await forgetObjects(in: folder)
    try await run("tpm2_createprimary", ["-C", "o", "-g", "sha256", "-G", "ecc", "-c", Self.parent], in: folder)
    try await forgetObjects(in: folder)
  }

  /// Without a resource manager (`/dev/tpm0`, a TPM in software) each tool leaves its object in one of three slots. With one, there is
  /// nothing to forget. What is needed later lies in the folder as a context.
  private func forgetObjects(in folder: borrowing ScratchFolder) async throws(CacheFault) {
    try await run("tpm2_flushcontext", ["-t"], in: folder)
  }

  // MARK: - The tools

  /// - Parameter isAnswer: whether what it prints is wanted, and nothing of it to be shown.
  @discardableResult
  private func run(
    _ tool: String, _ arguments: [String], in folder: borrowing ScratchFolder, reading input: SecretBytes? = nil,
    answering isAnswer: Bool = false
  ) async throws(CacheFault) -> SecretBytes {
    let files = [Self.parent, Self.object, Self.publicPart, Self.privatePart]
    let command = CapturedCommand(
      [tool] + arguments.map { files.contains($0) ? "\(folder.path)/\($0)" : $0 }, environment: environment,
      input: input,
      output: isAnswer ? .answer(atMost: 1024) : .beginning(bytes: 4096), timeLimit: Self.timeLimit)
    let outcome: CapturedCommand.Outcome
    do throws(SpawnFault) {
      outcome = try await command.run(on: loop, time: loop)
    } catch {
      throw CacheFault(
        error.isNoProgram
          ? "the key is a TPM's, and \(tool) is not there; install tpm2-tools"
          : "\(tool) cannot be run (error \(error.code))")
    }
    guard outcome.ending == .byItself(.exited(0)) else {
      let said = isAnswer ? nil : Self.lastError(outcome.output)
      throw CacheFault("\(tool) failed\(said.map { ": \($0)" } ?? "")", mayPass: true)
    }
    return outcome.output
  }

  /// The last line that says an error; the tools' output is theirs, and shown as a stranger's.
  private static func lastError(_ output: SecretBytes) -> String? {
    output.unsafeString()?.split(whereSeparator: \.isNewline).last { $0.hasPrefix("ERROR") }
      .map { ShownText.clean(String($0), atMost: 200) }
  }
}

/// A folder for the files that the tools hand one another, for the agent's user alone. None of them is a secret: without the TPM they
/// open nothing.
private struct ScratchFolder: ~Copyable {
  let path: String

  init() throws(CacheFault) {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/secrets-agent-tpm-XXXXXX".utf8CString)
    guard template.withUnsafeMutableBufferPointer({ $0.baseAddress.flatMap { mkdtemp($0) } }) != nil else {
      throw CacheFault("\(parent): no folder can be made there: \(String(cString: strerror(errno)))")
    }
    path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? parent }
  }

  deinit {
    if let folder = try? FileDescriptor(path, O_RDONLY | O_DIRECTORY, "open"),
      let names = try? DirectoryEntry.names(in: folder)
    {
      for name in names {
        unlinkat(folder.number, name, 0)
      }
    }
    rmdir(path)
  }

  func write(_ bytes: SecretBytes, to name: String) throws(CacheFault) {
    do throws(SystemFault) {
      let folder = try FileDescriptor(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, "cannot open the folder")
      try TemporaryFile.replace(name, with: bytes, in: folder)
    } catch {
      throw CacheFault("\(path)/\(name): \(error)")
    }
  }

  func read(_ name: String, limit: Int) throws(CacheFault) -> SecretBytes {
    do throws(WholeFile.Fault) {
      return try WholeFile.contents(of: WholeFile.open("\(path)/\(name)", links: .refused), limit: limit)
    } catch {
      throw CacheFault("\(path)/\(name): \(error)")
    }
  }
}
