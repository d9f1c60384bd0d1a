import EventLoop
import ExecutionModel
import SecretBytes
import Text

/// What the watch noticed of one file since the last look.
struct FolderMark: Sendable, Equatable {
  enum Kind: Sendable {
    /// It was made or written to, and may be open still.
    case writing
    /// Who wrote it closed it, or moved it there.
    case complete
  }

  var kind: Kind
  var at: Moment
}

/// The documents of a watched folder as they stand after the last look: what is in force, what could not be read, what is awaited.
struct FolderContents {
  private struct File {
    /// As last seen in the listing; a change makes the file be read.
    var seen: Result<FolderSignature, FolderFault>?
    var items: [ExecutionDocument.Item] = []
    /// Whether the file is one page of a longer list.
    var isPartial = false
    var bytes: SecretBytes?
    /// Counts the contents that came into force.
    var revision = 0
    /// Why the present content is not in force.
    var fault: FolderFault?
    /// When to read it; `nil` where what is known is the latest.
    var due: Moment?
    /// From when on a fault is told instead of taken for half-written.
    var quietAt: Moment?
  }

  /// Between two looks at a file that changes while it is read.
  private static let shortestPause = Duration.milliseconds(100)

  private let quiet: Duration
  private let retry: Duration
  private var files: [String: File] = [:]

  /// - Parameter quiet: how long a file that cannot be read must have been left alone until that is a fault.
  /// - Parameter retry: when a file is tried again whose failure may pass by itself.
  init(quiet: Duration, retry: Duration) {
    self.quiet = quiet
    self.retry = retry
  }

  /// Whether every file's latest content is in force, so that what is not there is known not to be.
  var isSettled: Bool { files.values.allSatisfy { $0.due == nil && $0.fault == nil && !$0.isPartial } }

  /// Whether every file was read, or is known to be unreadable; one that is being written is neither.
  var isRead: Bool { files.values.allSatisfy { $0.due == nil || $0.fault != nil || $0.revision > 0 } }

  /// When the next file is to be read although nothing more happens to it.
  var nextDue: Moment? { files.values.compactMap(\.due).min() }

  /// Takes in one look at the folder.
  ///
  /// - Parameter isWatched: whether every write since the last look has left a mark; else a changed file counts as being written
  ///   until it has been quiet, lest the first half of a YAML file be taken for all of it.
  mutating func take(
    _ entries: [FolderEntry], marks: [String: FolderMark], isWatched: Bool, now: Moment,
    read: (String) throws(FolderFault) -> (bytes: SecretBytes, signature: FolderSignature)
  ) {
    var present: [String: File] = [:]
    for entry in entries {
      var file = files[entry.name] ?? File()
      note(entry, marks[entry.name], isWatched: isWatched, now, &file)
      if let due = file.due, due <= now {
        settle(entry, now, &file, read)
      }
      present[entry.name] = file
    }
    files = present
  }

  /// Decides when the file is to be read.
  private func note(
    _ entry: FolderEntry, _ mark: FolderMark?, isWatched: Bool, _ now: Moment, _ file: inout File
  ) {
    guard let mark else {
      guard entry.signature != file.seen else {
        return
      }
      let wasReplaced = (try? entry.signature.get())?.inode != (try? file.seen?.get())?.inode
      file.quietAt = now.advanced(by: quiet)
      // Where it is known to be in the midst of being written, its growing tells nothing new.
      let isAwaited = file.due.map { $0 > now } ?? false
      file.due = isWatched && (!isAwaited || wasReplaced) ? now : file.quietAt
      file.seen = entry.signature
      return
    }
    file.seen = entry.signature
    file.quietAt = mark.at.advanced(by: quiet)
    file.due = mark.kind == .complete ? now : file.quietAt
  }

  private func settle(
    _ entry: FolderEntry, _ now: Moment, _ file: inout File,
    _ read: (String) throws(FolderFault) -> (bytes: SecretBytes, signature: FolderSignature)
  ) {
    do throws(FolderFault) {
      let listed = try entry.signature.get()
      let (bytes, signature) = try read(entry.name)
      // Whoever wrote since may not be done yet.
      guard signature == listed else {
        throw .unsettled
      }
      if file.bytes != bytes {
        let document = try FolderDocument(bytes, name: entry.name)
        // What one page lacks may be on another.
        let listed = Set(document.items.compactMap(\.id))
        let elsewhere = document.isPartial ? file.items.filter { $0.id.map { !listed.contains($0) } ?? false } : []
        file.items = document.items + elsewhere
        file.isPartial = document.isPartial
        file.bytes = bytes
        file.revision += 1
      }
      file.fault = nil
      file.due = nil
    } catch {
      fail(error, now, &file)
    }
  }

  private func fail(_ fault: FolderFault, _ now: Moment, _ file: inout File) {
    if let quietAt = file.quietAt, now < quietAt {
      file.due = quietAt
      return
    }
    file.fault = fault
    switch fault {
    case .unsettled: file.due = now.advanced(by: max(quiet, Self.shortestPause))
    default: file.due = fault.mayPass ? now.advanced(by: retry) : nil
    }
  }
}

// MARK: - What it comes to

extension FolderContents {
  /// What the folder lists, in a form that can be held against an earlier one.
  struct Summary {
    var listed: [String: ExecutionDocument.Item] = [:]
    var unreadable: [String: String] = [:]
    /// File and revision of each listed id.
    fileprivate var versions: [String: String] = [:]

    func tellsTheSame(as other: Summary) -> Bool {
      versions == other.versions && unreadable == other.unreadable
    }
  }

  /// Where two files have the same id, the first by name counts.
  func summary() -> Summary {
    var summary = Summary()
    var owners: [String: String] = [:]
    var faults: [(name: String, line: String)] = []
    for (name, file) in files.sorted(by: { $0.key < $1.key }) {
      let reason = file.fault.map { "\(ShownText.clean(name)): \($0.message)" }
      if let reason, file.items.isEmpty {
        faults.append((name, reason))
      }
      if file.isPartial {
        faults.append(
          (
            name,
            "\(ShownText.clean(name)): next_token: one page of a longer list, so what it lacks is not taken for gone"
          ))
      }
      for item in file.items {
        guard let id = item.id else {
          continue
        }
        if let owner = owners[id] {
          let place = ShownText.clean(owner)
          faults.append(
            (
              name,
              "\(ShownText.clean(name)): the execution \"\(ShownText.clean(id))\" is in \(place) already; remove one"
            ))
          continue
        }
        owners[id] = name
        // What could be read last stays in force, and listed.
        summary.listed[id] = item
        summary.versions[id] = "\(file.revision) \(name)"
        summary.unreadable[id] = reason
      }
    }
    for fault in faults {
      // What stands for a file must not be taken for an execution that another file holds.
      let stem = FolderName.stem(fault.name)
      let isTaken = summary.listed[stem] != nil || summary.unreadable[stem] != nil
      summary.unreadable[isTaken ? fault.name : stem] = fault.line
    }
    return summary
  }
}
