import Foundation
import Glibc
import TestSupport
import Testing

/// Outputs that cannot be written: status 73, a line that names the place, and what stood there before untouched.
@Suite(.timeLimit(.minutes(15))) struct OutputFaults {
  private let fakes: Fakes
  private let agent: Agent
  private let file: String

  init() throws {
    fakes = try Fakes()
    agent = try Agent()
    file = try agent.file(lone(fakes.address))
  }

  /// Whether this user may mount in a namespace of their own, as a full or a read-only file system needs.
  static let mayMount: Bool = {
    let script = "d=$(mktemp -d) && mount -t tmpfs none $d && umount $d; s=$?; rmdir $d; exit $s"
    guard let pid = try? spawn(["unshare", "--mount", "--map-root-user", "sh", "-c", script], environment: path) else {
      return false
    }
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    return status == 0
  }()

  private static let path = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]

  @Test(arguments: ["--output", "--files"]) func aFolderThatIsNotThere(option: String) async throws {
    let target = agent.folder.file("absent/deeper/out").path
    let outcome = try await agent.run("resolve", file, option, target)
    outcome.expectFailure(Status.cannotWrite, saying: "absent", "(ENOENT)", "create the folder first")
    #expect(!agent.folder.exists("absent"))
  }

  @Test(arguments: ["--output", "--files"]) func aPathThroughAFile(option: String) async throws {
    try agent.folder.write("in the way", as: "plain")
    let outcome = try await agent.run("resolve", file, option, agent.folder.file("plain/out").path)
    outcome.expectFailure(Status.cannotWrite, saying: "plain", "(ENOTDIR)")
    #expect(try agent.folder.text(of: "plain") == "in the way")
  }

  /// Not even root may make files there.
  @Test(arguments: ["--output", "--files"]) func aFolderThatTakesNoFiles(option: String) async throws {
    let outcome = try await agent.run("resolve", file, option, "/proc/self/out")
    outcome.expectFailure(Status.cannotWrite, saying: "/proc/self")
  }

  @Test(.enabled(if: geteuid() != 0, "root may write in any folder")) func aFolderWithoutTheRight() async throws {
    let folder = agent.folder.file("closed")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o500])
    let outcome = try await agent.run("resolve", file, "--output", folder.appendingPathComponent("env").path)
    outcome.expectFailure(Status.cannotWrite, saying: "closed", "(EACCES)")
  }

  @Test func aFolderInThePlaceOfTheFile() async throws {
    let folder = agent.folder.file("env")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    let outcome = try await agent.run("resolve", file, "--output", folder.path)
    outcome.expectFailure(Status.cannotWrite, saying: folder.path)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }

  @Test func aLinkInThePlaceOfTheFileIsNotFollowed() async throws {
    let target = try agent.folder.write("somebody else's", as: "target")
    let link = agent.folder.file("env").path
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
    let outcome = try await agent.run("resolve", file, "--output", link)
    outcome.expectFailure(Status.cannotWrite, saying: link, "symbolic link", "(ELOOP)")
    #expect(try agent.folder.text(of: "target") == "somebody else's")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == target)
  }

  @Test func aStandardOutputThatIsFull() async throws {
    let outcome = try await agent.shell(#""$@" >/dev/full"#, ["resolve", file, "--output", "-"])
    outcome.expectFailure(Status.cannotWrite, saying: "standard output", "No space left")
  }

  /// A descriptor that the starter closed must not be given to a file or a socket, which would receive what is printed.
  @Test func standardDescriptorsThatAreClosed() async throws {
    let printing = try await agent.shell(#""$@" >&-"#, ["resolve", file, "--output", "-"])
    printing.expectFailure(Status.cannotWrite, saying: "standard output", "Bad file descriptor")
    try await fakes.forget()
    let silent = try await agent.shell(
      #""$@" <&- >&- 2>&-"#, ["resolve", file, "--output", agent.folder.file("env").path, "--log-level", "trace"])
    #expect(silent.status == Status.done, silent.said)
    #expect(try agent.folder.text(of: "env") == "DB_PASSWORD='correct horse battery staple'\n")
    #expect(
      try await fakes.requests().prefix(2) == ["POST /v1/auth/approle/login", "GET /v1/secret/data/web/db"])
    let reading = try await agent.shell(#""$@" <&-"#, ["check", "-"])
    reading.expectFailure(Status.invalidDocument, saying: "Bad file descriptor")
  }

  /// Runs `script` with a small tmpfs at `$disk`, in a mount namespace of its own; the rest is the agent's command line.
  private func onSmallDisk(_ script: String) async throws -> Outcome {
    let prepared = """
      disk=$(mktemp -d "$HOME/disk.XXXXXX") && mount -t tmpfs -o size=64k none "$disk" || exit 99
      mkdir "$disk/out"; printf 'OLD=1\\n' > "$disk/out/env"
      \(script)
      status=$?
      echo "$(cat "$disk/out/env") $(ls -A "$disk/out" | tr '\\n' ' ')"
      exit $status
      """
    return try await Run(
      ["unshare", "--mount", "--map-root-user", "sh", "-c", prepared, "sh", Built.agent, "resolve", file],
      environment: Self.path.merging(["HOME": agent.folder.path]) { $1 }, folder: agent.folder
    ).outcome()
  }

  @Test(.enabled(if: mayMount, "needs the right to mount")) func aFullDisk() async throws {
    let outcome = try await onSmallDisk(
      #"head -c 1000000 /dev/zero > "$disk/filler" 2>/dev/null; "$@" --output "$disk/out/env""#)
    #expect(outcome.status == Status.cannotWrite, outcome.said)
    #expect(outcome.outputText == "OLD=1 env \n", outcome.said)
    #expect(outcome.faults.count == 1 && outcome.errorText.contains("(ENOSPC)"), outcome.said)
  }

  /// What was never there is not promised.
  @Test(.enabled(if: mayMount, "needs the right to mount")) func aFullDiskWithoutAnEarlierFile() async throws {
    let fill = #"head -c 1000000 /dev/zero > "$disk/filler" 2>/dev/null; "$@""#
    let outcome = try await onSmallDisk(fill + #" --output "$disk/out/new""#)
    #expect(outcome.status == Status.cannotWrite && outcome.faults.count == 1, outcome.said)
    #expect(outcome.errorText.contains("(ENOSPC)") && !outcome.errorText.contains("still in place"), outcome.said)
    let earlier = try await onSmallDisk(fill + #" --output "$disk/out/env""#)
    #expect(earlier.errorText.contains("what was there before is untouched"), earlier.said)
  }

  /// There is no folder to be made.
  @Test func aFileSystemWithoutFiles() async throws {
    let outcome = try await agent.run("resolve", file, "--output", "/proc/out")
    outcome.expectFailure(Status.cannotWrite, saying: "/proc/out", "choose another")
    #expect(!outcome.errorText.contains("create the folder"), outcome.said)
  }

  @Test(.enabled(if: mayMount, "needs the right to mount")) func aReadOnlyFileSystem() async throws {
    let outcome = try await onSmallDisk(#"mount -o remount,ro "$disk"; "$@" --output "$disk/out/env""#)
    #expect(outcome.status == Status.cannotWrite, outcome.said)
    #expect(outcome.outputText == "OLD=1 env \n", outcome.said)
    #expect(outcome.faults.count == 1 && outcome.errorText.contains("(EROFS)"), outcome.said)
  }

  @Test func theEarlierFileStaysWhenTheNewOneCannotBeMade() async throws {
    let place = agent.folder.file("env").path
    try agent.folder.write("OLD=1\n", as: "env")
    let names = Set(try FileManager.default.contentsOfDirectory(atPath: agent.folder.path))
    // No file may grow beyond nothing: the write fails with EFBIG, or the process is told by SIGXFSZ.
    let outcome = try await agent.shell(#"ulimit -f 0; exec "$@" 2>/dev/null"#, ["resolve", file, "--output", place])
    #expect(outcome.status != Status.done, outcome.said)
    #expect(try agent.folder.text(of: "env") == "OLD=1\n")
    let after = Set(try FileManager.default.contentsOfDirectory(atPath: agent.folder.path))
    #expect(after.subtracting(names).allSatisfy { $0.hasPrefix("std") }, "\(after)")
  }

  @Test func bothOutputsOrNeither() async throws {
    let outcome = try await agent.run(
      "resolve", file, "--output", agent.folder.file("env").path, "--files",
      agent.folder.file("absent/files").path)
    #expect(outcome.status == Status.cannotWrite, outcome.said)
    #expect(!agent.folder.exists("env"))
  }
}
