import CLinux
import Files
import Glibc

/// Where an output goes.
///
/// Beneath a root, no part of the path may be a symbolic link or lead out of the root: what a workload plants there never makes the
/// agent write elsewhere. Without a root the folder is opened as any program would, with the rights and the links of the person who
/// named it. In both the last part is never followed: an output that is a symbolic link is refused, neither written through nor
/// replaced, because either could be the opposite of what the operator meant.
public struct OutputLocation: Sendable, Hashable {
  /// The output root, if any.
  public let root: String?
  /// Beneath the root, or absolute, or relative to the working folder. Its folder must exist.
  public let path: String

  /// An output at `path`, which a person named.
  public init(_ path: String) {
    root = nil
    self.path = path
  }

  /// An output at the relative `path` beneath `root`, which the node's owner named.
  public init(beneath root: String, _ path: String) {
    self.root = root
    self.path = path
  }

  /// For messages.
  var shown: String {
    root.map { ($0.hasSuffix("/") ? $0 : $0 + "/") + path } ?? path
  }

  /// The folder that holds the output.
  func openFolder() throws(DeliveryFault) -> OutputFolder {
    // By scalars: to Swift a slash with a combining mark behind it is another character.
    var parts = path.unicodeScalars.split(separator: "/").map { String($0) }
    guard let name = parts.popLast(), name != ".", name != "..", !path.utf8.contains(0) else {
      throw DeliveryFault(
        .path(shown), "the path has no file name at its end", remedy: "name a file or folder to write")
    }
    do throws(SystemFault) {
      guard let root else {
        let prefix = path.hasPrefix("/") ? "/" : "./"
        let folder = try FileDescriptor(
          prefix + parts.joined(separator: "/"), O_RDONLY | O_DIRECTORY, "cannot open the folder")
        return OutputFolder(descriptor: folder, name: name, shown: shown)
      }
      guard !path.hasPrefix("/"), !parts.contains(where: { $0 == "." || $0 == ".." }), !root.isEmpty else {
        throw SystemFault("the path is not beneath its output root", EXDEV)
      }
      let top = try FileDescriptor(root, O_RDONLY | O_DIRECTORY, "cannot open the output root")
      return OutputFolder(descriptor: try Self.descend(from: top, parts), name: name, shown: shown)
    } catch {
      throw error.at(shown)
    }
  }

  /// One openat2(2); on kernels before 5.6, and where a sandbox forbids it, part by part.
  private static func descend(
    from root: consuming FileDescriptor, _ parts: [String]
  ) throws(SystemFault) -> FileDescriptor {
    guard !parts.isEmpty else {
      return root
    }
    let number = linux_open_beneath(root.number, parts.joined(separator: "/"), O_RDONLY | O_DIRECTORY, 0, false)
    if number < 0, errno == ENOSYS || errno == EPERM {
      return try walk(from: root, parts)
    }
    return try FileDescriptor(number, "cannot open the folder")
  }

  /// `parts` hold neither `.` nor `..`, so that no step can lead upwards.
  static func walk(from root: consuming FileDescriptor, _ parts: [String]) throws(SystemFault) -> FileDescriptor {
    var folder = root
    for part in parts {
      folder = try FileDescriptor(in: folder, part, O_RDONLY | O_DIRECTORY, "cannot open the folder")
    }
    return folder
  }
}

/// An open folder, and the output's name in it.
struct OutputFolder: ~Copyable {
  let descriptor: FileDescriptor
  let name: String
  /// The output's path, for messages.
  let shown: String
}
