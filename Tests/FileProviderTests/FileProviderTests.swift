import ExecutionModel
import FileProvider
import Foundation
import Glibc
import NodePolicy
import ProviderKit
import SecretBytes
import TestSupport
import Testing

/// A folder of its own with a provider that may read beneath its `allowed`.
private struct Scene {
  let folder: String
  let provider: FileProvider
  let connection: ProviderConnection

  init(anywhere: Bool = false) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: folder + "/allowed/sub", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: folder + "/outside", withIntermediateDirectories: true)
    var policy = NodePolicy.personal
    policy.fileRoots = anywhere ? .anywhere : .beneath([folder + "/allowed"])
    connection = try ProviderConnection.testing(#"{"provider": "file"}"#, by: FileProvider.descriptor)
    provider = FileProvider(
      FileProvider.Connection(),
      over: OpenConnection(
        named: "p",
        services: .testing(transport: { _ in ScriptedTransport { _, _ in fatalError() } }, policy: policy)))
  }

  func write(_ path: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + path))
  }

  func read(_ path: String) async throws(ProviderFailure) -> SecretBytes {
    try await provider.fetch(references: [
      connection.reference(["path": path.hasPrefix("/") ? path : folder + "/" + path])
    ])[0]
    .get().payload
  }

  func kind(_ path: String) async -> ProviderFailure.Class? {
    do throws(ProviderFailure) {
      _ = try await read(path)
      return nil
    } catch {
      return error.kind
    }
  }
}

@Test func aFileGivesItsExactBytes() async throws {
  let scene = try Scene()
  let bytes = (0..<256).map { UInt8($0) } + [10]
  try scene.write("allowed/sub/a", bytes)
  #expect(try await scene.read("allowed/sub/a") == SecretBytes(bytes))
  try scene.write("allowed/empty", [])
  #expect(try await scene.read("allowed/empty").isEmpty)
}

@Test func oneMebibyteIsTheLargestFile() async throws {
  let scene = try Scene()
  try scene.write("allowed/large", [UInt8](repeating: 1, count: 1024 * 1024))
  #expect(try await scene.read("allowed/large").count == 1024 * 1024)
  try scene.write("allowed/larger", [UInt8](repeating: 1, count: 1024 * 1024 + 1))
  #expect(await scene.kind("allowed/larger") == .missing)
}

@Test func onlyRegularFilesBeneathTheRootsAreRead() async throws {
  for anywhere in [false, true] {
    let scene = try Scene(anywhere: anywhere)
    mkfifo(scene.folder + "/allowed/fifo", 0o600)
    #expect(await scene.kind("allowed/fifo") == .missing)
    #expect(await scene.kind("allowed/sub") == .missing)
    #expect(await scene.kind("allowed/nowhere") == .missing)
    #expect(await scene.kind("/dev/zero") == (anywhere ? .missing : .policy))
    try scene.write("outside/a", [1])
    #expect(await scene.kind("outside/a") == (anywhere ? nil : .policy))
    #expect(await scene.kind("allowed/../outside/a") == (anywhere ? nil : .policy))
  }
}

@Test func aLinkInsideTheRootsIsFollowedAndOneOutOfThemIsNot() async throws {
  let scene = try Scene()
  try scene.write("allowed/sub/a", [7])
  try scene.write("outside/a", [8])
  symlink("sub/a", scene.folder + "/allowed/inside")
  symlink("../outside/a", scene.folder + "/allowed/relative")
  symlink(scene.folder + "/outside/a", scene.folder + "/allowed/absolute")
  symlink("../outside", scene.folder + "/allowed/folder")
  symlink("loop", scene.folder + "/allowed/loop")
  #expect(try await scene.read("allowed/inside") == SecretBytes([7]))
  #expect(await scene.kind("allowed/relative") == .policy)
  #expect(await scene.kind("allowed/absolute") == .policy)
  #expect(await scene.kind("allowed/folder/a") == .policy)
  #expect(await scene.kind("allowed/loop") == .policy)
}
