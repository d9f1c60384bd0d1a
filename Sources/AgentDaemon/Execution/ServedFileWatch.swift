import CLinux
import EventLoop
import ExecutionModel
import Glibc
import Logging
import Synchronization

/// Watches the folders of the files that the `file` provider serves, so that a change shows at once. Where a watch cannot be had
/// (too many, a folder that is missing), the refresh interval of watched references is what remains.
final class ServedFileWatch: Sendable {
  private struct State {
    /// By inotify's number.
    var folders: [Int32: String] = [:]
    var numbers: [String: Int32] = [:]
    var references: [String: [(name: String, reference: Reference)]] = [:]
  }

  private let descriptor: Int32
  private let state = Mutex(State())
  private let watch: DescriptorWatch
  private let changed: @Sendable (Reference) -> Void

  /// `nil` where the kernel gives no inotify.
  init?(loop: EventLoop, changed: @escaping @Sendable (Reference) -> Void) {
    let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    guard descriptor >= 0 else {
      return nil
    }
    let box = HandlerBox()
    guard let watch = try? loop.watch(descriptor, .readable, { _ in box.call() }) else {
      close(descriptor)
      return nil
    }
    self.descriptor = descriptor
    self.watch = watch
    self.changed = changed
    box.set { [weak self] in self?.read() }
  }

  deinit {
    watch.cancel()
    close(descriptor)
  }

  /// Watches exactly `references`, all of them of files.
  func follow(_ references: Set<Reference>) {
    var wanted: [String: [(name: String, reference: Reference)]] = [:]
    for reference in references {
      guard let path = reference.lookup.text("path"), let slash = path.lastIndex(of: "/") else {
        continue
      }
      let folder = slash == path.startIndex ? "/" : String(path[..<slash])
      wanted[folder, default: []].append((String(path[path.index(after: slash)...]), reference))
    }
    state.withLock { state in
      for (folder, number) in state.numbers where wanted[folder] == nil {
        inotify_rm_watch(descriptor, number)
        state.numbers[folder] = nil
        state.folders[number] = nil
      }
      for folder in wanted.keys where state.numbers[folder] == nil {
        let mask = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR)
        let number = inotify_add_watch(descriptor, folder, mask)
        if number >= 0 {
          state.numbers[folder] = number
          state.folders[number] = folder
        }
      }
      state.references = wanted
    }
  }

  private func read() {
    var due: Set<Reference> = []
    withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 8) { buffer in
      while true {
        let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        guard count > 0 else {
          return
        }
        due.formUnion(references(in: UnsafeRawBufferPointer(rebasing: buffer.prefix(count))))
      }
    }
    for reference in due {
      changed(reference)
    }
  }

  /// The references that one read's events concern.
  private func references(in events: UnsafeRawBufferPointer) -> Set<Reference> {
    let header = MemoryLayout<inotify_event>.size
    var found: Set<Reference> = []
    var place = 0
    while place + header <= events.count {
      let event = events.loadUnaligned(fromByteOffset: place, as: inotify_event.self)
      let length = Int(event.len)
      guard place + header + length <= events.count else {
        return found
      }
      let name = String(
        decoding: events[(place + header)..<(place + header + length)].prefix { $0 != 0 }, as: UTF8.self)
      found.formUnion(references(of: event, name))
      place += header + length
    }
    return found
  }

  private func references(of event: inotify_event, _ name: String) -> Set<Reference> {
    state.withLock { state in
      let isOverflow = event.mask & UInt32(IN_Q_OVERFLOW) != 0
      if event.mask & UInt32(IN_IGNORED) != 0, let folder = state.folders.removeValue(forKey: event.wd) {
        // The folder is gone; it is watched again when the references are followed anew.
        state.numbers[folder] = nil
        return Set((state.references[folder] ?? []).map(\.reference))
      }
      let folders = isOverflow ? Array(state.references.keys) : state.folders[event.wd].map { [$0] } ?? []
      // A name that starts with `..` is the swap of a projected volume: all files in it changed.
      let isSwap = isOverflow || name.hasPrefix("..")
      return Set(
        folders.flatMap { state.references[$0] ?? [] }.filter { isSwap || $0.name == name }.map(\.reference))
    }
  }
}

/// Holds a handler that can only be made after what it is called by.
private final class HandlerBox: Sendable {
  private let handler = Mutex<(@Sendable () -> Void)?>(nil)

  func set(_ new: @escaping @Sendable () -> Void) {
    handler.withLock { $0 = new }
  }

  func call() {
    handler.withLock { $0 }?()
  }
}
