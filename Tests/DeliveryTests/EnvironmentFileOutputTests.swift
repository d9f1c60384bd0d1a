import Files
import Foundation
import SecretBytes
import Testing

@testable import Delivery

@Suite struct EnvironmentFileOutputTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func target(
    _ name: String = "app.env", format: EnvironmentFormat = .shell, permissions: OutputPermissions = OutputPermissions()
  ) -> OutputTarget {
    OutputTarget(
      environmentFile: EnvironmentFileOutput(
        OutputLocation(folder.path(name)), format: format, permissions: permissions))
  }

  private func secrets(_ value: String) -> [DeliveredSecret] {
    [DeliveredSecret(name: "A", value: SecretBytes(value))]
  }

  @Test func aNewFileHasTheValuesAndMode0600() throws {
    let outcome = try target().deliver(secrets("x"))
    #expect(outcome.environmentFile == .content)
    #expect(outcome.filesDirectory == nil)
    #expect(outcome.hasNewContent)
    #expect(try content(folder.path("app.env")) == Array("A='x'\n".utf8))
    #expect(try status(folder.path("app.env")).st_mode & 0o7777 == 0o600)
    #expect(try folder.names() == ["app.env"])
  }

  @Test(arguments: [0, 0o022, 0o077] as [mode_t])
  func theModeDoesNotDependOnTheUmask(mask: mode_t) throws {
    let earlier = umask(mask)
    defer { umask(earlier) }
    for method in [TemporaryFile.Method.anonymous, .named] {
      let output = EnvironmentFileOutput(
        OutputLocation(folder.path("m.env")), permissions: OutputPermissions(fileMode: 0o640))
      var staged = try StagedEnvironmentFile.stage(output, secrets("\(mask) \(method)"), method: method)
      try staged.commit()
      #expect(try status(folder.path("m.env")).st_mode & 0o7777 == 0o640)
    }
  }

  @Test func theFallbackWithoutAnonymousFilesWritesTheSame() throws {
    let output = EnvironmentFileOutput(OutputLocation(folder.path("app.env")), format: .docker)
    var staged = try StagedEnvironmentFile.stage(output, secrets("named"), method: .named)
    #expect(try folder.names().allSatisfy { $0.hasPrefix(TemporaryFile.prefix) })
    try staged.commit()
    #expect(try content(folder.path("app.env")) == Array("A=named\n".utf8))
    #expect(try folder.names() == ["app.env"])
  }

  @Test func aStagedFileThatIsDroppedLeavesNothing() throws {
    _ = try target().deliver(secrets("old"))
    for method in [TemporaryFile.Method.anonymous, .named] {
      let output = EnvironmentFileOutput(OutputLocation(folder.path("app.env")), format: .shell)
      do {
        let staged = try StagedEnvironmentFile.stage(output, secrets("new"), method: method)
        #expect(staged.change == .content)
        #expect(try folder.names().count == 2)
      }
      #expect(try folder.names() == ["app.env"])
      #expect(try content(folder.path("app.env")) == Array("A='old'\n".utf8))
    }
  }

  @Test func unchangedContentIsNotWrittenAgain() throws {
    _ = try target().deliver(secrets("x"))
    let before = try status(folder.path("app.env"))
    let outcome = try target().deliver(secrets("x"))
    #expect(outcome.environmentFile == OutputChange.none)
    #expect(!outcome.hasNewContent)
    let after = try status(folder.path("app.env"))
    #expect(after.st_ino == before.st_ino)
    #expect(after.st_mtim.tv_sec == before.st_mtim.tv_sec && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
    #expect(after.st_ctim.tv_sec == before.st_ctim.tv_sec && after.st_ctim.tv_nsec == before.st_ctim.tv_nsec)
  }

  @Test func aChangedModeOrOwnerAloneIsSetRightInPlace() throws {
    let path = folder.path("app.env")
    _ = try target().deliver(secrets("x"))
    let before = try status(path)
    chmod(path, 0o666)
    #expect(try target().deliver(secrets("x")).environmentFile == .permissions)
    #expect(try status(path).st_mode & 0o7777 == 0o600)
    #expect(try status(path).st_ino == before.st_ino)
    #expect(try status(path).st_mtim.tv_nsec == before.st_mtim.tv_nsec)
    guard geteuid() == 0 else {
      return
    }
    let permissions = OutputPermissions(fileMode: 0o440, owner: 1234, group: 2345)
    #expect(try target(permissions: permissions).deliver(secrets("x")).environmentFile == .permissions)
    let owned = try status(path)
    #expect(
      owned.st_uid == 1234 && owned.st_gid == 2345 && owned.st_mode & 0o7777 == 0o440 && owned.st_ino == before.st_ino)
    #expect(try target(permissions: permissions).deliver(secrets("y")).environmentFile == .content)
    let rewritten = try status(path)
    #expect(rewritten.st_uid == 1234 && rewritten.st_gid == 2345 && rewritten.st_mode & 0o7777 == 0o440)
  }

  @Test func aSecondHardLinkDoesNotSeeLaterValues() throws {
    _ = try target().deliver(secrets("x"))
    #expect(link(folder.path("app.env"), folder.path("kept")) == 0)
    #expect(try target().deliver(secrets("x")).environmentFile == .content)
    _ = try target().deliver(secrets("y"))
    #expect(try content(folder.path("kept")) == Array("A='x'\n".utf8))
  }

  @Test func aModeForEveryoneIsRefused() throws {
    let fault = try #require(throws: DeliveryFaults.self) {
      try target(permissions: OutputPermissions(fileMode: 0o644)).deliver(secrets("x"))
    }
    #expect(fault.description.contains("mode 0644 opens the values to every user"))
    #expect(try folder.names().isEmpty)
  }

  @Test func whatIsNoRegularFileIsRefusedAndLeftAlone() throws {
    #expect(symlink("elsewhere", folder.path("link")) == 0)
    #expect(mkfifo(folder.path("fifo"), 0o600) == 0)
    _ = try folder.makeFolder("folder")
    for (name, cause) in [("link", "symbolic link"), ("fifo", "not a regular file"), ("folder", "is a folder")] {
      let fault = try #require(throws: DeliveryFaults.self) { try target(name).deliver(secrets("x")) }
      #expect(fault.description.contains(cause))
      #expect(fault.description.hasPrefix(folder.path(name) + ": "))
      #expect(throws: DeliveryFaults.self) { try target(name).remove() }
    }
    #expect(try folder.names() == ["fifo", "folder", "link"])
  }

  @Test func aMissingFolderOrAPathWithoutANameIsAClearFault() throws {
    let fault = try #require(throws: DeliveryFaults.self) { try target("none/app.env").deliver(secrets("x")) }
    #expect(
      fault.description == folder.path("none/app.env")
        + ": cannot open the folder: No such file or directory (ENOENT); create the folder first")
    for path in ["", "/", ".", "..", "/tmp/.."] {
      #expect(throws: DeliveryFaults.self) {
        try OutputTarget(environmentFile: EnvironmentFileOutput(OutputLocation(path))).deliver(secrets("x"))
      }
    }
  }

  @Test func staleTemporariesOfKilledWritersAreRemovedAndNothingElse() throws {
    let stale = folder.path(TemporaryFile.prefix + "0123456789abcdef")
    let live = folder.path(TemporaryFile.prefix + "fedcba9876543210")
    let others = [
      TemporaryFile.prefix + "0123456789abcde", TemporaryFile.prefix + "0123456789ABCDEF", ".secrets-agent",
    ]
    for path in [stale, live] + others.map(folder.path) {
      try Data("old".utf8).write(to: URL(fileURLWithPath: path))
    }
    #expect(symlink("app.env", folder.path(TemporaryFile.prefix + "00000000000000aa")) == 0)
    let writer = open(live, O_RDONLY)
    #expect(flock(writer, LOCK_EX) == 0)
    defer { close(writer) }
    _ = try target().deliver(secrets("x"))
    let kept =
      others + [TemporaryFile.prefix + "fedcba9876543210", TemporaryFile.prefix + "00000000000000aa", "app.env"]
    #expect(try folder.names() == kept.sorted())
  }

  @Test func removingTakesTheFileAndIsNoFaultTwice() throws {
    _ = try target().deliver(secrets("x"))
    try target().remove()
    #expect(try folder.names().isEmpty)
    try target().remove()
    try target("none/app.env").remove()
  }

  @Test func anExecutionsValuesThatCannotBeCarriedLeaveTheOldFile() throws {
    _ = try target(format: .docker).deliver(secrets("old"))
    #expect(throws: DeliveryFaults.self) { try target(format: .docker).deliver(secrets("a\nb")) }
    #expect(try content(folder.path("app.env")) == Array("A=old\n".utf8))
    #expect(try folder.names() == ["app.env"])
  }
}
