import Files
import Glibc

/// The files directory itself, where this delivery made it; removed again unless the delivery is made.
struct MadeDirectory: ~Copyable {
  private let parent: FileDescriptor
  private let name: String
  private var isMade: Bool

  private init(_ parent: consuming FileDescriptor, _ name: String, isMade: Bool) {
    self.parent = parent
    self.name = name
    self.isMade = isMade
  }

  static func ensure(_ folder: borrowing OutputFolder) throws(SystemFault) -> MadeDirectory {
    let parent = try FileDescriptor(anew: folder.descriptor, "cannot open the folder")
    let isMade = mkdirat(parent.number, folder.name, 0o700) == 0
    guard isMade || errno == EEXIST else {
      throw SystemFault("cannot make the directory")
    }
    let directory = MadeDirectory(parent, folder.name, isMade: isMade)
    if isMade {
      try directory.parent.flush()
    }
    return directory
  }

  mutating func keep() {
    isMade = false
  }

  deinit {
    if isMade {
      unlinkat(parent.number, name, AT_REMOVEDIR)
    }
  }
}
