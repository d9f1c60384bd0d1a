import EventLoop
import Files
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(15))) struct FolderNoticesTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
  }

  /// What is told up to and with the first notice of `last`.
  private func told(
    _ changes: FolderNotices.Change = [.created, .written, .deleted],
    until last: FolderNotices.Change,
    _ change: @escaping @Sendable (FolderNotices, FolderNotices.Folder) throws -> Void
  ) throws -> [FolderNotices.Notice] {
    let loop = try EventLoop()
    let path = scratch.path
    let outcome: Result<[FolderNotices.Notice], any Error> = loop.run {
      let (stream, told) = AsyncStream.makeStream(of: FolderNotices.Notice.self)
      do {
        let notices = try #require(FolderNotices())
        try notices.tell(on: loop) { batch in
          for notice in batch {
            told.yield(notice)
          }
        }
        let folder = try #require(notices.follow(path, changes))
        try change(notices, folder)
        var all: [FolderNotices.Notice] = []
        for await notice in stream {
          all.append(notice)
          if notice.change.contains(last) {
            break
          }
        }
        return .success(all)
      } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }

  @Test func changesAreToldInOrderAndByName() throws {
    let all = try told(until: .deleted) { [scratch] _, _ in
      try scratch.write("x", as: "a")
      unlink(scratch.file("a").path)
    }
    #expect(all.allSatisfy { $0.name == "a" })
    #expect(all.first?.change.contains(.created) == true)
    #expect(all.contains { $0.change.contains(.written) })
  }

  @Test func theSameFolderIsTheSameAndTheEndOfAWatchIsTold() throws {
    let all = try told(until: .unwatched) { [scratch] notices, folder in
      #expect(notices.follow(scratch.path, [.created]) == folder)
      notices.forget(folder)
    }
    #expect(all.count == 1 && all.first?.name == "")
  }

  @Test func onlyFoldersAreFollowed() throws {
    let notices = try #require(FolderNotices())
    #expect(notices.follow(scratch.file("none").path, [.created]) == nil)
    #expect(notices.follow(try scratch.write("x", as: "file"), [.created]) == nil)
  }

  @Test func whatTheKernelCouldNotTellIsKnownToBeMissing() throws {
    let limit = try #require(
      Int(
        try String(contentsOfFile: "/proc/sys/fs/inotify/max_queued_events", encoding: .utf8)
          .trimmingCharacters(in: .whitespacesAndNewlines)))
    guard limit <= 100_000 else {
      return
    }
    let all = try told([.created, .deleted], until: .overflow) { [scratch] _, _ in
      let path = scratch.file("a").path
      for _ in 0...(limit / 2 + 1) {
        close(open(path, O_CREAT, 0o600))
        unlink(path)
      }
    }
    #expect(all.count == limit + 1)
  }

  @Test func itsDescriptorGoesWithIt() throws {
    let loop = try EventLoop()
    let gone = Mutex(false)
    do {
      let notices = try #require(FolderNotices())
      try notices.tell(on: loop) { _ in gone.withLock { $0 = true } }
      _ = notices.follow(scratch.path, [.created])
    }
    try scratch.write("x", as: "a")
    loop.run { try? await loop.sleep(for: .milliseconds(1)) }
    #expect(gone.withLock { !$0 }, "nobody is told any more")
  }
}
