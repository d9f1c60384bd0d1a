import Glibc

/// Why the daemon cannot start, in one line.
public struct DaemonFault: Error, Sendable, CustomStringConvertible {
  /// Who can mend it, the least patient last.
  public enum Kind: Sendable, Comparable {
    /// Time, or others: somebody else has what is wanted, or the system is short of something.
    case isTaken
    /// Who looks after the file system: there is no room, or no right.
    case isUnwritable
    /// Only an edit of the configuration or of the policy: another start without one ends the same.
    case isConfiguration
  }

  public let description: String
  public let kind: Kind

  init(_ description: String, _ kind: Kind) {
    self.description = description
    self.kind = kind
  }
}

extension DaemonFault.Kind {
  /// What kind of fault a system call's is that makes or opens what the settings name.
  init(of code: Int32) {
    self =
      switch code {
      case ENOSPC, EDQUOT, EROFS, EACCES, EPERM, EIO, ENXIO, ENODEV, ESTALE: .isUnwritable
      case ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EINVAL, EISDIR, EADDRNOTAVAIL, EAFNOSUPPORT: .isConfiguration
      default: .isTaken
      }
  }
}
