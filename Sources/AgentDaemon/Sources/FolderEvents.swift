import CLinux
import EventLoop
import Glibc
import Synchronization

/// What happened in the folder between two looks.
struct FolderNews: Sendable {
  var marks: [String: FolderMark] = [:]
  /// Whether more happened than was told.
  var isIncomplete = false
}

/// What inotify(7) tells of one folder.
final class FolderEvents: Sendable {
  private struct State {
    var number: Int32 = -1
    var news = FolderNews()
    var hasNews = false
    var waiting: CheckedContinuation<Bool, Never>?
    var descriptorWatch: DescriptorWatch?
  }

  private let path: String
  private let descriptor: Int32
  private let time: any TimeSource
  private let state = Mutex(State())

  /// `nil` where the kernel gives no inotify.
  init?(_ path: String, _ loop: EventLoop, _ time: any TimeSource) {
    let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    guard descriptor >= 0 else {
      return nil
    }
    self.path = path
    self.time = time
    self.descriptor = descriptor
    guard let watch = try? loop.watch(descriptor, .readable, { [weak self] _ in self?.read() }) else {
      return nil
    }
    state.withLock { $0.descriptorWatch = watch }
  }

  deinit {
    state.withLock { $0.descriptorWatch?.cancel() }
    close(descriptor)
  }

  /// Watches the folder that is under the path now.
  ///
  /// - Returns: whether it has been watched since the last call, so that nothing was missed.
  func watch() -> Bool {
    let mask =
      UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_MODIFY)
      | UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
    let number = inotify_add_watch(descriptor, path, mask)
    let before = state.withLock { state in
      defer { state.number = number }
      return state.number
    }
    // Another folder is there, and the first one was moved away.
    if before >= 0, before != number {
      inotify_rm_watch(descriptor, before)
    }
    return number >= 0 && before == number
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
    drain()
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

  private func read() {
    drain()
    take(news: true)?.resume(returning: true)
  }

  private func drain() {
    withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 8) { buffer in
      while true {
        let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        guard count > 0 else {
          return
        }
        note(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
      }
    }
  }

  private func note(_ events: UnsafeRawBufferPointer) {
    let header = MemoryLayout<inotify_event>.size
    var place = 0
    while place + header <= events.count {
      let event = events.loadUnaligned(fromByteOffset: place, as: inotify_event.self)
      let end = place + header + Int(event.len)
      guard end <= events.count else {
        return
      }
      note(event, String(decoding: events[(place + header)..<end].prefix { $0 != 0 }, as: UTF8.self))
      place = end
    }
  }

  private func note(_ event: inotify_event, _ name: String) {
    let now = time.now
    state.withLock { state in
      if event.mask & UInt32(IN_CLOSE_WRITE | IN_MOVED_TO) != 0 {
        state.news.marks[name] = FolderMark(kind: .complete, at: now)
      } else if event.mask & UInt32(IN_CREATE | IN_MODIFY) != 0 {
        state.news.marks[name] = FolderMark(kind: .writing, at: now)
      } else if event.mask & UInt32(IN_Q_OVERFLOW) != 0 {
        state.news.isIncomplete = true
      } else if event.mask & UInt32(IN_IGNORED) != 0, event.wd == state.number {
        state.number = -1
      }
    }
  }
}
