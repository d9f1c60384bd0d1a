import CLinux
import EventLoop
import Glibc
import Synchronization

/// What inotify(7) tells of folders, on the event loop.
public final class FolderNotices: Sendable {
  /// What happens in a folder, or to it.
  public struct Change: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    private init(_ flag: some BinaryInteger) {
      rawValue = UInt32(truncatingIfNeeded: flag)
    }

    public static let created = Change(IN_CREATE)
    public static let modified = Change(IN_MODIFY)
    /// Closed by a writer.
    public static let written = Change(IN_CLOSE_WRITE)
    public static let movedIn = Change(IN_MOVED_TO)
    public static let movedOut = Change(IN_MOVED_FROM)
    public static let deleted = Change(IN_DELETE)
    /// To the folder itself.
    public static let folderLeft = Change(IN_DELETE_SELF | IN_MOVE_SELF)
    /// The watch has ended, by itself or by ``FolderNotices/forget(_:)``.
    public static let unwatched = Change(IN_IGNORED)
    /// More happened than the kernel could tell; of no folder in particular.
    public static let overflow = Change(IN_Q_OVERFLOW)
  }

  /// A watched folder.
  public struct Folder: Hashable, Sendable {
    fileprivate let number: Int32
  }

  public struct Notice: Sendable {
    public let folder: Folder
    public let change: Change
    /// What it concerns in the folder; empty for the folder itself.
    public let name: String
  }

  private let descriptor: FileDescriptor
  private let watch = Mutex<DescriptorWatch?>(nil)
  private let handler = Mutex<(@Sendable ([Notice]) -> Void)?>(nil)

  /// `nil` where the kernel gives no inotify.
  public init?() {
    guard let descriptor = try? FileDescriptor(inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC)), "no inotify") else {
      return nil
    }
    self.descriptor = descriptor
  }

  deinit {
    watch.withLock { $0?.cancel() }
  }

  /// Hands what happens to `handler`, on the loop's thread, until this object goes. Once only.
  public func tell(on loop: EventLoop, _ handler: @escaping @Sendable ([Notice]) -> Void) throws(EventLoopFault) {
    self.handler.withLock { $0 = handler }
    let started = try loop.watch(descriptor.number, .readable) { [weak self] _ in self?.drain() }
    watch.withLock { $0 = started }
  }

  /// Watches the folder that is under the path now; the same folder again is the same ``Folder``. `nil` where it cannot be watched.
  public func follow(_ path: String, _ changes: Change) -> Folder? {
    let number = inotify_add_watch(descriptor.number, path, changes.rawValue | UInt32(IN_ONLYDIR))
    return number < 0 ? nil : Folder(number: number)
  }

  /// Watches an open folder, whatever its path leads to by now.
  public func follow(_ folder: borrowing FileDescriptor, _ changes: Change) -> Folder? {
    follow("/proc/self/fd/\(folder.number)", changes)
  }

  public func forget(_ folder: Folder) {
    inotify_rm_watch(descriptor.number, folder.number)
  }

  /// Hands over what has happened up to now, without waiting for the loop's next turn.
  public func drain() {
    withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 8) { buffer in
      while true {
        let count = Glibc.read(descriptor.number, buffer.baseAddress, buffer.count)
        guard count > 0 else {
          return
        }
        let notices = Self.notices(in: UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
        handler.withLock { $0 }?(notices)
      }
    }
  }

  private static func notices(in events: UnsafeRawBufferPointer) -> [Notice] {
    let header = MemoryLayout<inotify_event>.size
    var notices: [Notice] = []
    var place = 0
    while place + header <= events.count {
      let event = events.loadUnaligned(fromByteOffset: place, as: inotify_event.self)
      let end = place + header + Int(event.len)
      guard end <= events.count else {
        return notices
      }
      let name = String(decoding: events[(place + header)..<end].prefix { $0 != 0 }, as: UTF8.self)
      notices.append(Notice(folder: Folder(number: event.wd), change: Change(rawValue: event.mask), name: name))
      place = end
    }
    return notices
  }
}
