import Foundation
import TestSupport
import Testing

/// The files of config/deploy by readers of those who read them: Kubernetes' own schemas, Envoy's protocol, parsers of HCL and of
/// Compose, systemd; and what the agent reads in them by the agent (Readers/deployment.py).
@Suite(.enabled(if: Python.path != nil, "\(Python.absence)")) struct DeploymentTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  private static let binaries = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()
  private static let hasSystemd = ["/usr/bin", "/bin"].contains {
    FileManager.default.isExecutableFile(atPath: "\($0)/systemd-analyze")
  }

  @Test(arguments: ["kubernetes", "nomad", "envoy", "compose"])
  func isTaken(_ name: String) async throws {
    try await read(name)
  }

  @Test(.enabled(if: Self.hasSystemd, "systemd-analyze is not there; scripts/setup installs it"))
  func aUnitIsTaken() async throws {
    try await read("systemd")
  }

  private func read(_ name: String) async throws {
    let script = Self.folder.appendingPathComponent("Readers/deployment.py").path
    let root = Self.folder.deletingLastPathComponent().deletingLastPathComponent().path
    try await onThread {
      _ = try Python.run(
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')",
        [script, Self.binaries.path, root, name])
    }
  }
}
