import Files
import Foundation
import Glibc
import SecretBytes
import TestSupport
import Testing

@Suite struct TemporaryFileTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write("old", as: "record")
  }

  private func folder() throws -> FileDescriptor {
    try FileDescriptor(scratch.path, O_RDONLY | O_DIRECTORY, "cannot open the folder")
  }

  private func replace(_ text: String) throws {
    try TemporaryFile.replace("record", with: SecretBytes(text), in: folder())
  }

  private var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() }
  }

  @Test func theFileIsFlushedBeforeItIsRenamedAndTheFolderAfterwards() throws {
    #expect(try withFaults { try replace("new") } == "wfrd")
    #expect(try scratch.text(of: "record") == "new")
    #expect(try names == ["record"])
  }

  @Test(arguments: [0, 0o022, 0o077] as [mode_t]) func theModeDoesNotDependOnTheUmask(mask: mode_t) throws {
    let earlier = umask(mask)
    defer { umask(earlier) }
    chmod(scratch.file("record").path, 0o644)
    try replace("new")
    var status = stat()
    #expect(stat(scratch.file("record").path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o600)
  }

  @Test func shortAndInterruptedWritesGoOn() throws {
    let text = String(repeating: "0123456789", count: 100)
    let called = try withFaults {
      $0.largest_write = 7
      $0.interrupted = true
    } _: {
      try replace(text)
    }
    #expect(called == "wfrd")
    #expect(try scratch.text(of: "record") == text)
  }

  @Test(arguments: [ENOSPC, EDQUOT, EIO, EFBIG]) func aWriteThatFailsLeavesTheOldFileAndNothingBeside(code: Int32)
    throws
  {
    let fault = #expect(throws: SystemFault.self) {
      try withFaults {
        $0.write_error = code
        $0.bytes_before_error = 3
      } _: {
        try replace("new content")
      }
    }
    #expect(fault?.code == code)
    #expect(try scratch.text(of: "record") == "old")
    #expect(try names == ["record"])
  }

  @Test func aFlushThatFailsLeavesTheOldFile() throws {
    let fault = #expect(throws: SystemFault.self) {
      try withFaults {
        $0.file_flush_error = EIO
      } _: {
        try replace("new")
      }
    }
    #expect(fault == SystemFault("cannot flush to the disk", EIO))
    #expect(try scratch.text(of: "record") == "old")
    #expect(try names == ["record"])
  }

  @Test func aFolderThatCannotBeFlushedIsAFaultButForFileSystemsWithoutSuch() throws {
    #expect(throws: SystemFault("cannot flush to the disk", EIO)) {
      try withFaults {
        $0.folder_flush_error = EIO
      } _: {
        try replace("new")
      }
    }
    #expect(
      try withFaults {
        $0.folder_flush_error = EINVAL
      } _: {
        try replace("newer")
      } == "wfrd")
  }

  @Test func aLinkAtTheNameIsReplacedAndNotFollowed() throws {
    #expect(symlink("record", scratch.file("link").path) == 0)
    try TemporaryFile.replace("link", with: SecretBytes("new"), in: folder())
    #expect(try scratch.text(of: "record") == "old")
    #expect(try DirectoryEntry("link", in: folder()) == .regularFile)
  }

  @Test func aFolderAtTheNameIsAFaultAndNothingIsLeft() throws {
    try FileManager.default.createDirectory(atPath: scratch.file("taken").path, withIntermediateDirectories: false)
    #expect(throws: SystemFault.self) {
      try TemporaryFile.replace("taken", with: SecretBytes("new"), in: folder())
    }
    #expect(try names == ["record", "taken"])
  }
}
