import EventLoop
import ExecutionModel
import Files
import NodePolicy
import Synchronization

/// Watches the folders of the files that the `file` provider serves, so that a change shows at once. Where a watch cannot be had
/// (too many, a folder that is missing), the refresh interval of watched references is what remains.
final class ServedFileWatch: Sendable {
  private struct State {
    var paths: [FolderNotices.Folder: String] = [:]
    var folders: [String: FolderNotices.Folder] = [:]
    var references: [String: [(name: String, reference: Reference)]] = [:]
  }

  private let notices: FolderNotices
  private let state = Mutex(State())
  private let changed: @Sendable (Reference) -> Void

  /// `nil` where the kernel gives no inotify.
  init?(loop: EventLoop, changed: @escaping @Sendable (Reference) -> Void) {
    guard let notices = FolderNotices() else {
      return nil
    }
    self.notices = notices
    self.changed = changed
    guard (try? notices.tell(on: loop, { [weak self] in self?.note($0) })) != nil else {
      return nil
    }
  }

  /// Watches exactly `references`, all of them of files, in folders that `files` may serve.
  func follow(_ references: Set<Reference>, _ files: NodeFiles) {
    var wanted: [String: [(name: String, reference: Reference)]] = [:]
    for reference in references {
      guard let path = reference.lookup.servedFile, let slash = path.lastIndex(of: "/") else {
        continue
      }
      let folder = slash == path.startIndex ? "/" : String(path[..<slash])
      wanted[folder, default: []].append((String(path[path.index(after: slash)...]), reference))
    }
    state.withLock { state in
      for (path, folder) in state.folders where wanted[path] == nil {
        notices.forget(folder)
        state.folders[path] = nil
        state.paths[folder] = nil
      }
      for path in wanted.keys where state.folders[path] == nil {
        if let open = files.servedFolder(path),
          let folder = notices.follow(open, [.written, .movedIn, .created, .deleted, .movedOut])
        {
          state.folders[path] = folder
          state.paths[folder] = path
        }
      }
      state.references = wanted
    }
  }

  private func note(_ notices: [FolderNotices.Notice]) {
    let due = notices.reduce(into: Set<Reference>()) { $0.formUnion(references(of: $1)) }
    for reference in due {
      changed(reference)
    }
  }

  /// The references that a notice concerns.
  private func references(of notice: FolderNotices.Notice) -> Set<Reference> {
    state.withLock { state in
      if notice.change.contains(.unwatched), let path = state.paths.removeValue(forKey: notice.folder) {
        // The folder is gone; it is watched again when the references are followed anew.
        state.folders[path] = nil
        return Set((state.references[path] ?? []).map(\.reference))
      }
      let isOverflow = notice.change.contains(.overflow)
      let paths = isOverflow ? Array(state.references.keys) : state.paths[notice.folder].map { [$0] } ?? []
      // A name that starts with `..` is the swap of a projected volume: all files in it changed.
      let isSwap = isOverflow || notice.name.hasPrefix("..")
      return Set(
        paths.flatMap { state.references[$0] ?? [] }.filter { isSwap || $0.name == notice.name }.map(\.reference))
    }
  }
}
