import Files
import Glibc
import TestSupport
import Testing

@testable import AgentDaemon

/// The folders that the daemon makes at its start.
@Suite struct ServiceFoldersTests {
  private func mode(_ path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR ? status.st_mode & 0o7777 : nil
  }

  @Test func whatIsMissingIsMadeWithItsModeAndAboveItSoThatOthersPass() throws {
    let folder = try ScratchFolder()
    let path = folder.file("a/b/c").path
    try ServiceFolders.make(path, 0o711)
    #expect(mode(path) == 0o711)
    #expect(mode(folder.file("a/b").path) == 0o755 && mode(folder.file("a").path) == 0o755)
  }

  @Test func whatIsThereStaysAsItIs() throws {
    let folder = try ScratchFolder()
    let path = folder.file("there").path
    mkdir(path, 0o700)
    try ServiceFolders.make(path, 0o711)
    #expect(mode(path) == 0o700)
    try ServiceFolders.make("/", 0o700)
    try ServiceFolders.make(".", 0o700)
  }

  @Test func whatCannotBeMadeIsAFault() throws {
    let folder = try ScratchFolder()
    let file = try folder.write("", as: "file")
    for path in [file + "/below", "/proc/none/below", "/" + String(repeating: "x/", count: 100_000), ""] {
      #expect(throws: SystemFault.self) { try ServiceFolders.make(path, 0o700) }
    }
  }

  @Test func everyFolderThatCannotBeMadeIsNamedWithItsSetting() throws {
    let folder = try ScratchFolder()
    let file = try folder.write("", as: "file")
    var configuration = AgentConfiguration()
    configuration.stateFolder = "\(file)/state"
    configuration.api.socket = folder.file("run/api.sock").path
    configuration.values = AgentConfiguration.Values()
    configuration.values?.socket = "\(file)/values/values.sock"
    let fault = #expect(throws: DaemonFault.self) { try ServiceFolders.make(configuration) }
    let line = fault?.description ?? ""
    #expect(line.contains("\(file)/state (for state_folder: Not a directory (ENOTDIR))"), "\(line)")
    #expect(line.contains("\(file)/values (for values.socket: ") && !line.contains("api.socket"), "\(line)")
    #expect(mode(folder.file("run").path) == 0o711)
  }

  @Test(arguments: [
    ("/run/agent/api.sock", "/run/agent"), ("/api.sock", "/"), ("api.sock", "."), ("a/b/", "a"), ("/", "/"), ("", "."),
    ("//x", "/"),
  ])
  func theFolderAboveIsFound(_ path: String, _ parent: String) {
    #expect(ServiceFolders.parent(of: path) == parent)
  }
}
