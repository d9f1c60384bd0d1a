import Files
import Foundation
import SecretBytes
import Testing

@testable import Delivery

/// A workload that owns part of an output root plants links there.
@Suite struct OutputLocationTests {
  private let folder: TemporaryFolder
  private let secrets = [DeliveredSecret(name: "A", value: SecretBytes("x"))]

  init() throws {
    folder = try TemporaryFolder()
    _ = try folder.makeFolder("root/job/deep")
    _ = try folder.makeFolder("outside")
  }

  private func deliver(_ path: String) throws {
    let location = OutputLocation(beneath: folder.path("root"), path)
    _ = try OutputTarget(environmentFile: EnvironmentFileOutput(location)).deliver(secrets)
  }

  @Test func pathsBeneathTheRootAreWritten() throws {
    try deliver("app.env")
    try deliver("job/deep/app.env")
    #expect(try folder.names("root") == ["app.env", "job"])
    #expect(try folder.names("root/job/deep") == ["app.env"])
  }

  @Test(arguments: ["link/app.env", "job/link/app.env", "up/app.env", "self/app.env"])
  func aPlantedLinkNeverLeadsElsewhere(path: String) throws {
    #expect(symlink(folder.path("outside"), folder.path("root/link")) == 0)
    #expect(symlink("../../outside", folder.path("root/job/link")) == 0)
    #expect(symlink("..", folder.path("root/up")) == 0)
    #expect(symlink("job", folder.path("root/self")) == 0)
    let fault = try #require(throws: DeliveryFaults.self) { try deliver(path) }
    #expect(fault.faults.first?.systemError == ELOOP)
    #expect(try folder.names("outside").isEmpty)
    #expect(try folder.names() == ["outside", "root"])
    let files = OutputTarget(
      filesDirectory: FilesDirectoryOutput(OutputLocation(beneath: folder.path("root"), String(path.dropLast(8)))))
    #expect(throws: DeliveryFaults.self) { try files.deliver(secrets) }
    #expect(throws: DeliveryFaults.self) { try files.remove() }
    #expect(try folder.names("outside").isEmpty)
  }

  @Test(arguments: ["../outside/app.env", "job/../../outside/app.env", "/app.env", "./app.env", "job/./app.env"])
  func aPathThatLeavesTheRootIsRefused(path: String) throws {
    #expect(throws: DeliveryFaults.self) { try deliver(path) }
    #expect(try folder.names("outside").isEmpty)
    #expect(try folder.names("root") == ["job"])
  }

  @Test func aPersonsOwnPathMayLeadThroughLinks() throws {
    #expect(symlink("outside", folder.path("link")) == 0)
    let output = EnvironmentFileOutput(OutputLocation(folder.path("link/app.env")))
    _ = try OutputTarget(environmentFile: output).deliver(secrets)
    #expect(try folder.names("outside") == ["app.env"])
  }

  /// What is done on kernels without openat2.
  @Test func theStepwiseWayRefusesTheSame() throws {
    #expect(symlink(folder.path("outside"), folder.path("root/job/link")) == 0)
    func walk(_ parts: [String]) throws -> ino_t {
      let root = try FileDescriptor(open(folder.path("root"), O_RDONLY | O_DIRECTORY), "open")
      return try OutputLocation.walk(from: root, parts).status().st_ino
    }
    #expect(try walk(["job", "deep"]) == status(folder.path("root/job/deep")).st_ino)
    #expect(throws: SystemFault.self) { try walk(["job", "link"]) }
    #expect(throws: SystemFault.self) { try walk(["job", "none"]) }
  }
}
