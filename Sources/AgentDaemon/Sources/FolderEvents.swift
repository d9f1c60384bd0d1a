import CLinux
import EventLoop
import Glibc
import Synchronization

/// What inotify(7) tells of one folder.
final class FolderEvents: Sendable {
  private struct State {
    var number: Int32 = -1
    var named: Set<String> = []
    var isSwapped = false
    var hasNews = false
    var waiting: CheckedContinuation<Bool, Never>?
    var descriptorWatch: DescriptorWatch?
  }

  private let path: String
  private let descriptor: Int32
  private let state = Mutex(State())

  /// `nil` where the kernel gives no inotify.
  init?(_ path: String, _ loop: EventLoop) {
    let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    guard descriptor >= 0 else {
      return nil
    }
    self.path = path
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

  /// Watches the folder, unless it is watched already.
  func watch() {
    let mask =
      UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_MODIFY)
      | UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
    let number = inotify_add_watch(descriptor, path, mask)
    state.withLock { $0.number = number }
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

  /// What became complete since the last call.
  func takeSettled() -> SettledFiles {
    state.withLock { state in
      defer {
        state.named = []
        state.isSwapped = false
        state.hasNews = false
      }
      return state.isSwapped ? .all : .named(state.named)
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
    withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 8) { buffer in
      while true {
        let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        guard count > 0 else {
          return
        }
        note(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
      }
    }
    take(news: true)?.resume(returning: true)
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
      let name = String(decoding: events[(place + header)..<end].prefix { $0 != 0 }, as: UTF8.self)
      state.withLock { state in
        if event.mask & UInt32(IN_CLOSE_WRITE | IN_MOVED_TO) != 0 {
          state.named.insert(name)
          // `..data` of a projected volume: everything in the folder is new at once.
          state.isSwapped = state.isSwapped || name.hasPrefix("..")
        }
      }
      place = end
    }
  }
}
