import Foundation
import TestSupport
import Testing

/// The built provider and daemon, by a double of the Secrets Store CSI driver (Driver/driver.py).
@Suite(.enabled(if: Python.path != nil, "\(Python.absence)"))
struct VolumeTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  private static let binaries = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()

  @Test(arguments: [
    "hundred_pods", "outage", "faults", "clouds", "google", "strangers", "rotations", "restarts", "shipped",
  ])
  func theDriverGetsWhatItAsksFor(_ scenario: String) async throws {
    try await run(scenario)
  }

  /// EKS's agent has an address of the node's, which takes a network namespace.
  @Test(.enabled(if: Self.hasNamespaces, "unshare -rn makes no network namespace here"))
  func podsLogInByPodIdentity() async throws {
    try await run("pod_identity")
  }

  private static let hasNamespaces: Bool = {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
    process.arguments = ["-rn", "true"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else {
      return false
    }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }()

  private func run(_ scenario: String) async throws {
    let proto = Self.folder.appendingPathComponent("../../Sources/CSIDriverProtocol/csi_driver_provider.proto")
    let folder = Self.folder.appendingPathComponent("Driver").path
    let arguments = [folder, Self.binaries.path, proto.standardizedFileURL.path, scenario]
    try await onThread {
      _ = try Python.run(
        """
        import runpy, sys
        sys.path.insert(0, sys.argv[1])
        sys.argv = ['volumes.py'] + sys.argv[2:]
        runpy.run_path(sys.path[0] + '/volumes.py', run_name='__main__')
        """, arguments)
    }
  }
}
