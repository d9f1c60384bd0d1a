import CLinux
import EventLoop
import ExecutionModel
import Glibc
import SecretBytes

/// What a folder of documents holds, from look to look.
struct FolderContents {
  /// What one look found out.
  struct Outcome {
    /// `nil` where nothing changed.
    var report: SourceReport?
    var isMissing = false
    /// When a file that is being written may be quiet.
    var nextLook: Duration?
  }

  /// What tells one state of a file from another.
  private struct Signature: Equatable {
    let inode: UInt64
    let size: Int64
    let changed: timespec

    static func == (left: Signature, right: Signature) -> Bool {
      left.inode == right.inode && left.size == right.size && left.changed.tv_sec == right.changed.tv_sec
        && left.changed.tv_nsec == right.changed.tv_nsec
    }
  }

  private struct Known {
    var signature: Signature?
    /// The last good content.
    var items: [(id: String, item: ExecutionDocument.Item)] = []
    var problem: String?
    /// A state that may be half written, and since when it is as it is.
    var pending: (signature: Signature, since: Moment)?
  }

  private let source: String
  private let path: String
  private let quiet: Duration
  private var files: [String: Known] = [:]
  private var reported: Set<String> = []
  private var failure: String?
  private var isFirst = true

  init(source: String, path: String, quiet: Duration) {
    self.source = source
    self.path = path
    self.quiet = quiet
  }

  mutating func scan(settled: SettledFiles, now: Moment, unixTime: Int64) -> Outcome {
    guard let names = Self.names(in: path) else {
      let reason = "\(path): \(String(cString: strerror(errno)))"
      defer { failure = reason }
      let report = failure == reason ? nil : makeReport(failure: reason)
      return Outcome(report: report, isMissing: true)
    }
    var outcome = Outcome()
    var hasChanged = isFirst || failure != nil
    failure = nil
    isFirst = false
    for gone in files.keys where !names.contains(gone) {
      files[gone] = nil
      hasChanged = true
    }
    for name in names {
      let (changed, look) = lookAt(name, isSettled: settled.contains(name), now, unixTime)
      hasChanged = hasChanged || changed
      if let look {
        outcome.nextLook = min(outcome.nextLook ?? look, look)
      }
    }
    if hasChanged {
      outcome.report = makeReport(failure: nil)
    }
    return outcome
  }

  /// Whether something changed, and when to look again.
  private mutating func lookAt(
    _ name: String, isSettled: Bool, _ now: Moment, _ unixTime: Int64
  ) -> (changed: Bool, look: Duration?) {
    var known = files[name] ?? Known()
    defer { files[name] = known }
    let opened: (descriptor: Int32, signature: Signature, modified: Int64)
    switch open(name) {
    case .success(let file): opened = file
    case .failure(let fault):
      let isNew = known.problem != fault.description
      known.problem = fault.description
      known.signature = nil
      return (isNew, nil)
    }
    defer { close(opened.descriptor) }
    if known.signature == opened.signature {
      return (false, nil)
    }
    let isOld = opened.modified <= unixTime - max(quiet.components.seconds, 1)
    if !isSettled, !isOld {
      if let pending = known.pending, pending.signature == opened.signature {
        let left = quiet - pending.since.duration(to: now)
        if left > .zero {
          return (false, left)
        }
      } else {
        known.pending = (opened.signature, now)
        return (false, quiet)
      }
    }
    known.pending = nil
    known.signature = opened.signature
    read(opened.descriptor, name, into: &known)
    return (true, nil)
  }

  private func read(_ descriptor: Int32, _ name: String, into known: inout Known) {
    var buffer = SecretBuffer()
    switch FileRead.all(of: descriptor, into: &buffer, limit: ExecutionDocument.maximumBytes) {
    case nil: break
    case .tooLarge?: return known.problem = "\(name): larger than 16 MiB"
    case .failed(let code)?: return known.problem = "\(name): \(String(cString: strerror(code)))"
    }
    do throws(DocumentFaults) {
      let syntax: ExecutionDocument.Syntax = name.hasSuffix(".json") ? .json : .yaml
      let document = try ExecutionDocument(buffer.finish(), syntax: syntax)
      var items: [(String, ExecutionDocument.Item)] = []
      for (place, item) in document.items.enumerated() {
        guard let id = item.id ?? (document.items.count == 1 ? Self.stem(name) : nil), !id.isEmpty else {
          throw DocumentFaults([DocumentFault("items[\(place)].id", "required: the execution's id, a string")])
        }
        items.append((id, item))
      }
      known.items = items
      known.problem = nil
    } catch {
      known.problem = "\(name): \(error.faults.first?.line ?? "malformed")"
    }
  }

  private mutating func makeReport(failure: String?) -> SourceReport {
    var listed: [String: ExecutionDocument.Item] = [:]
    var owners: [String: String] = [:]
    var unreadable: [String: String] = [:]
    for (name, known) in files.sorted(by: { $0.key < $1.key }) {
      for (id, item) in known.items {
        if let owner = owners[id] {
          unreadable["\(Self.stem(name))"] = "\(name): execution \(DocumentPath.shown(id)) is in \(owner) already"
        } else {
          owners[id] = name
          listed[id] = item
        }
      }
      if let problem = known.problem {
        for id in known.items.isEmpty ? [Self.stem(name)] : known.items.map(\.id) {
          unreadable[id] = problem
        }
      }
    }
    let left = failure == nil ? reported.subtracting(listed.keys) : []
    reported = failure == nil ? Set(listed.keys) : reported
    return SourceReport(source: source, listed: listed, unreadable: unreadable, left: left, failure: failure)
  }

  // MARK: - Files

  static func stem(_ name: String) -> String {
    name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
  }

  /// Names of documents, in order; `nil` and `errno` where the folder cannot be read.
  private static func names(in path: String) -> [String]? {
    guard let directory = opendir(path) else {
      return nil
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
      }
      if !name.hasPrefix("."), [".json", ".yaml", ".yml"].contains(where: name.hasSuffix) {
        names.append(name)
      }
    }
    return names.sorted()
  }

  private struct Unfit: Error, CustomStringConvertible {
    let description: String
  }

  /// A regular file of the folder; a link may lead to one within the folder, as in projected volumes, but not out of it.
  private func open(
    _ name: String
  ) -> Result<(descriptor: Int32, signature: Signature, modified: Int64), Unfit> {
    let folder = linux_open_root(path)
    guard folder >= 0 else {
      return .failure(Unfit(description: "\(name): \(String(cString: strerror(errno)))"))
    }
    defer { close(folder) }
    let descriptor = linux_open_beneath(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, true)
    guard descriptor >= 0 else {
      let reason = errno == EXDEV ? "a link leads out of the folder" : String(cString: strerror(errno))
      return .failure(Unfit(description: "\(name): \(reason)"))
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      return .failure(Unfit(description: "\(name): not a regular file"))
    }
    let signature = Signature(inode: UInt64(status.st_ino), size: Int64(status.st_size), changed: status.st_ctim)
    return .success((descriptor, signature, Int64(status.st_mtim.tv_sec)))
  }
}
