import EventLoop
import Foundation
import Glibc
import Processes
import SecretBytes
import TestSupport
import Testing

@testable import SealedCache

/// Keys that a TPM seals, by `tpm2-tools` and against `swtpm` (scripts/setup installs both).
@Suite(.serialized, .timeLimit(.minutes(15))) struct TPMSealTests {
  private static func onLoop<Outcome: Sendable>(
    _ variables: [String: String], _ work: @escaping @Sendable (TPMSeal) async throws(CacheFault) -> Outcome
  ) throws -> Outcome {
    let loop = try EventLoop()
    var environment = ProcessEnvironment()
    for (name, value) in ["PATH": "/usr/bin:/bin"].merging(variables, uniquingKeysWith: { $1 }) {
      environment.set(name, SecretBytes(value))
    }
    let tpm = TPMSeal(on: loop, environment: environment)
    return try loop.run { () async -> Result<Outcome, CacheFault> in
      do throws(CacheFault) {
        return .success(try await work(tpm))
      } catch {
        return .failure(error)
      }
    }.get()
  }

  private static func keys(at path: String, _ variables: [String: String]) throws -> [[UInt8]] {
    try onLoop(variables) { tpm throws(CacheFault) in
      try await CacheKeys.load(path: path, credentials: nil, tpm: tpm)
    }.all.map(\.name)
  }

  @Test func aKeyThatATPMSealedIsOpenedByItAndByNoOther() throws {
    let scratch = try ScratchFolder()
    let path = scratch.path + "/cache.key"
    let first = try SoftwareTPM(in: scratch.path + "/first")
    try Self.onLoop(first.variables) { tpm throws(CacheFault) in
      try await CacheKeyFile.create(at: path, sealedBy: tpm)
    }
    let keys = try Self.keys(at: path, first.variables)
    #expect(keys.count == 1)
    // Often, since objects that are left in a TPM would fill it.
    for _ in 0..<4 {
      #expect(try Self.keys(at: path, first.variables) == keys)
    }
    // A key of the other kind stays beside it.
    try Self.onLoop([:]) { _ throws(CacheFault) in try await CacheKeyFile.rotate(at: path) }
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.split(separator: "\n").count == 2 && text.contains("\ntpm2 "))
    first.stop()
    // As after a restart of the machine, with the state that the TPM keeps.
    let again = try SoftwareTPM(in: scratch.path + "/first")
    #expect(try Self.keys(at: path, again.variables).last == keys.first)
    again.stop()

    let other = try SoftwareTPM(in: scratch.path + "/other")
    func load() throws -> CacheKeys {
      try Self.onLoop(other.variables) { tpm throws(CacheFault) in
        try await CacheKeys.load(path: path, credentials: nil, tpm: tpm)
      }
    }
    let rest = try load()
    #expect(rest.all.count == 1, "the newest does without it")
    let unopened = rest.unopened.first ?? "none"
    #expect(unopened.hasPrefix("\(path): key 2: tpm2_load failed: ERROR"), "\(unopened)")
    try text.split(separator: "\n").reversed().joined(separator: "\n").write(
      toFile: path, atomically: false, encoding: .utf8)
    let fault = #expect(throws: CacheFault.self) { try load() }
    #expect(
      fault?.description.hasPrefix("\(path): key 1, which seals: tpm2_load failed: ERROR") == true,
      "\(fault?.description ?? "")")
    #expect(fault?.description.contains("cache init --rotate --key-file \(path)") == true)
    other.stop()
  }

  @Test func withoutItsToolsOneLineSaysWhatIsMissing() throws {
    let scratch = try ScratchFolder()
    let path = scratch.path + "/cache.key"
    try "tpm2 00 00\n".write(toFile: path, atomically: false, encoding: .utf8)
    chmod(path, 0o600)
    let fault = #expect(throws: CacheFault.self) { try Self.keys(at: path, ["PATH": scratch.path]) }
    #expect(
      fault?.description.hasPrefix(
        "\(path): key 1, which seals: the key is a TPM's, and tpm2_flushcontext is not there; install tpm2-tools; ")
        == true)
  }

  @Test(arguments: [
    "tpm2", "tpm2 ", "tpm2 00", "tpm2 00 ", "tpm2  00", "tpm2 00 0", "tpm2 00 00 00", "tpm2 0g 00", "TPM2 00 00",
  ])
  func whatIsNoSealedKeyIsRefused(_ line: String) {
    #expect(throws: CacheFault.self) { try CacheKeyFile(parsing: SecretBytes(line), from: "f") }
  }

  @Test func aSealedKeyOfAnySizeIsBounded() {
    let long = "tpm2 00 " + String(repeating: "00", count: TPMSealedKey.largestPart + 1)
    #expect(throws: CacheFault.self) { try CacheKeyFile(parsing: SecretBytes(long), from: "f") }
  }
}

/// A TPM 2.0 in software, whose state outlives it.
private final class SoftwareTPM {
  private let folder: String
  private let process = Process()

  init(in folder: String) throws {
    self.folder = folder
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    process.executableURL = URL(fileURLWithPath: "/usr/bin/swtpm")
    process.arguments = [
      "socket", "--tpm2", "--tpmstate", "dir=\(folder)", "--server", "type=unixio,path=\(folder)/tpm",
      "--ctrl", "type=unixio,path=\(folder)/tpm.ctrl", "--flags", "not-need-init,startup-clear",
    ]
    try process.run()
    while !["tpm", "tpm.ctrl"].allSatisfy({ FileManager.default.fileExists(atPath: "\(folder)/\($0)") }) {
      guard process.isRunning else {
        throw POSIXError(.ECHILD)
      }
      usleep(10_000)
    }
  }

  /// What leads the tools to it, and keeps their complaints about that short.
  var variables: [String: String] { ["TPM2TOOLS_TCTI": "swtpm:path=\(folder)/tpm", "TSS2_LOG": "all+NONE"] }

  /// As by a power cut: it has what it wrote.
  func stop() {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    for name in ["tpm", "tpm.ctrl"] {
      unlink("\(folder)/\(name)")
    }
  }

  deinit {
    if process.isRunning {
      kill(process.processIdentifier, SIGKILL)
    }
  }
}
