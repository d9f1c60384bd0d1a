import EventLoop
import Files
import Synchronization

/// What happened in the folder between two looks.
struct FolderNews: Sendable {
  var marks: [String: FolderMark] = [:]
  /// Whether more happened than was told.
  var isIncomplete = false
}

/// What is told of one folder.
final class FolderEvents: Sendable {
  private struct State {
    var folder: FolderNotices.Folder?
    var news = FolderNews()
    var hasNews = false
    var waiting: CheckedContinuation<Bool, Never>?
  }

  private let path: String
  private let notices: FolderNotices
  private let time: any TimeSource
  private let state = Mutex(State())

  /// `nil` where the kernel gives no inotify.
  init?(_ path: String, _ loop: EventLoop, _ time: any TimeSource) {
    guard let notices = FolderNotices() else {
      return nil
    }
    self.path = path
    self.time = time
    self.notices = notices
    guard (try? notices.tell(on: loop, { [weak self] in self?.note($0) })) != nil else {
      return nil
    }
  }

  /// Watches the folder that is under the path now.
  ///
  /// - Returns: whether it has been watched since the last call, so that nothing was missed.
  func watch() -> Bool {
    let folder = notices.follow(
      path, [.written, .movedIn, .movedOut, .deleted, .created, .modified, .folderLeft])
    let before = state.withLock { state in
      defer { state.folder = folder }
      return state.folder
    }
    // Another folder is there, and the first one was moved away.
    if let before, before != folder {
      notices.forget(before)
    }
    return folder != nil && before == folder
  }

  /// Returns when something has happened; `false` when the task was cancelled.
  func next() async -> Bool {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let atOnce = state.withLock { state -> Bool? in
          if Task.isCancelled {
            return false
          }
          if state.hasNews {
            state.hasNews = false
            return true
          }
          state.waiting = continuation
          return nil
        }
        if let atOnce {
          continuation.resume(returning: atOnce)
        }
      }
    } onCancel: {
      take(news: false)?.resume(returning: false)
    }
  }

  /// What happened since the last call, up to now.
  func takeNews() -> FolderNews {
    notices.drain()
    return state.withLock { state in
      defer {
        state.news = FolderNews()
        state.hasNews = false
      }
      return state.news
    }
  }

  private func take(news: Bool) -> CheckedContinuation<Bool, Never>? {
    state.withLock { state in
      if news {
        state.hasNews = state.waiting == nil
      }
      defer { state.waiting = nil }
      return state.waiting
    }
  }

  private func note(_ notices: [FolderNotices.Notice]) {
    let now = time.now
    state.withLock { state in
      for notice in notices {
        if !notice.change.isDisjoint(with: [.written, .movedIn]) {
          state.news.marks[notice.name] = FolderMark(kind: .complete, at: now)
        } else if !notice.change.isDisjoint(with: [.created, .modified]) {
          state.news.marks[notice.name] = FolderMark(kind: .writing, at: now)
        } else if notice.change.contains(.overflow) {
          state.news.isIncomplete = true
        } else if notice.change.contains(.unwatched), notice.folder == state.folder {
          state.folder = nil
        }
      }
    }
    take(news: true)?.resume(returning: true)
  }
}
