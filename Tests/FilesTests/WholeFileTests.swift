import Files
import Foundation
import Glibc
import SecretBytes
import TestSupport
import Testing

@Suite struct WholeFileTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write("text", as: "file")
    try FileManager.default.createDirectory(atPath: path("folder"), withIntermediateDirectories: false)
    try scratch.write("outside", as: "outside")
  }

  private func path(_ name: String) -> String { scratch.file(name).path }

  private func read(
    _ name: String, links: WholeFile.Links = .followed, limit: Int = 100
  ) throws(WholeFile.Fault) -> SecretBytes {
    try WholeFile.contents(of: WholeFile.open(path(name), links: links), limit: limit)
  }

  private func read(_ name: String, beneath folder: String) throws(WholeFile.Fault) -> SecretBytes {
    try WholeFile.contents(of: WholeFile.open(name, beneath: WholeFile.root(path(folder))), limit: 100)
  }

  @Test func aFileIsReadToItsEnd() throws {
    #expect(try read("file").equals("text"))
    try scratch.write("", as: "empty")
    #expect(try read("empty").isEmpty)
  }

  @Test func theLimitIsTheLargestThatIsRead() throws {
    #expect(try read("file", limit: 4).equals("text"))
    #expect(throws: WholeFile.Fault.tooLarge) { try read("file", limit: 3) }
    // It says that it is empty, and is not.
    #expect(throws: WholeFile.Fault.tooLarge) {
      try WholeFile.contents(of: WholeFile.open("/proc/self/status", links: .followed), limit: 10)
    }
  }

  @Test func aFileThatGrewSinceItsStatusWasTakenIsReadWholeOrRefused() throws {
    let file = try WholeFile.open(path("file"), links: .followed)
    let status = try WholeFile.regularStatus(of: file)
    let handle = try #require(FileHandle(forWritingAtPath: path("file")))
    try handle.write(contentsOf: Data(repeating: 0x78, count: 1000))
    #expect(throws: WholeFile.Fault.tooLarge) { try WholeFile.contents(of: file, status: status, limit: 100) }
  }

  @Test func whatIsNoRegularFileIsNeverWaitedFor() throws {
    #expect(mkfifo(path("fifo"), 0o600) == 0)
    #expect(throws: WholeFile.Fault.notRegular) { try read("fifo") }
    #expect(throws: WholeFile.Fault.notRegular) { try read("folder") }
    #expect(throws: WholeFile.Fault.notRegular) {
      try WholeFile.contents(of: WholeFile.open("/dev/zero", links: .followed), limit: 100)
    }
    #expect(throws: WholeFile.Fault.missing) { try read("none") }
    #expect(throws: WholeFile.Fault.missing) { try read("file/none") }
  }

  @Test func aLinkIsFollowedWhereItMayBe() throws {
    #expect(symlink("file", path("link")) == 0)
    #expect(try read("link").equals("text"))
    #expect(throws: WholeFile.Fault.leadsOut) { try read("link", links: .refused) }
  }

  @Test func nothingOutsideOfTheFolderIsReadThroughIt() throws {
    #expect(symlink("inside", path("folder/within")) == 0)
    #expect(symlink("../outside", path("folder/out")) == 0)
    #expect(symlink(path("outside"), path("folder/absolute")) == 0)
    #expect(symlink("/proc/self/root\(path("outside"))", path("folder/magic")) == 0)
    try scratch.write("inside", as: "folder/inside")
    #expect(try read("within", beneath: "folder").equals("inside"))
    for name in ["out", "absolute", "magic", "../outside", path("outside")] {
      #expect(throws: WholeFile.Fault.leadsOut) { try read(name, beneath: "folder") }
    }
    #expect(throws: WholeFile.Fault.missing) { try read("x", beneath: "none") }
    #expect(throws: WholeFile.Fault.missing) { try read("x", beneath: "file") }
  }

  @Test func whatAPersonNamesMayBeAPipe() throws {
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    defer { close(ends[0]) }
    #expect(write(ends[1], "piped", 5) == 5)
    close(ends[1])
    #expect(try WholeFile.read("/dev/fd/\(ends[0])", limit: 100).equals("piped"))
    #expect(try WholeFile.rest(of: ends[0], limit: 100).isEmpty)
    #expect(throws: WholeFile.Fault.tooLarge) { try WholeFile.read("/dev/zero", limit: 1 << 20) }
    #expect(throws: WholeFile.Fault.failed("open", ENOENT)) { try WholeFile.read(path("none"), limit: 100) }
    #expect(throws: WholeFile.Fault.failed("read", EISDIR)) { try WholeFile.read(path("folder"), limit: 100) }
  }

  @Test func namesAreGivenAsTheFileSystemHasThem() throws {
    let odd: [UInt8] = [0x66, 0xff, 0x0a]
    close(
      open(
        Array(scratch.path.utf8CString.dropLast() + [0x2f] + odd.map { CChar(bitPattern: $0) } + [0]), O_CREAT, 0o600))
    let folder = try FileDescriptor(scratch.path, O_RDONLY | O_DIRECTORY, "")
    let names = try DirectoryEntry.rawNames(in: folder)
    #expect(Set(names) == Set([odd, Array("file".utf8), Array("folder".utf8), Array("outside".utf8)]))
    #expect(try DirectoryEntry.names(in: folder).contains("f\u{fffd}\n"))
  }
}
