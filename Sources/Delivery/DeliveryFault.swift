import Files
import Glibc

/// One reason why a delivery cannot be made, as one line: what, where, why, and the way out. It never holds a value.
public struct DeliveryFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// What the fault is about.
  public enum Subject: Sendable, Equatable {
    /// A secret's name.
    case secret(String)
    /// A file or folder.
    case path(String)
    /// The content of an env file, as its readers see it; lines count from 1.
    case line(Int)
  }

  public let subject: Subject
  /// What is wrong.
  public let problem: String
  /// What to do about it.
  public let remedy: String
  /// The system's error number, where a system call failed.
  public let systemError: Int32?

  public init(_ subject: Subject, _ problem: String, remedy: String, systemError: Int32? = nil) {
    self.subject = subject
    self.problem = problem
    self.remedy = remedy
    self.systemError = systemError
  }

  public var description: String {
    let place: String
    switch subject {
    case .secret(let name): place = "secrets." + name.asShownPath
    case .path(let path): place = path.asShownPath
    case .line(let number): place = "env file, line \(number)"
    }
    let cause = systemError.map { ": " + SystemFault.text(of: $0) } ?? ""
    return "\(place): \(problem)\(cause)" + (remedy.isEmpty ? "" : "; \(remedy)")
  }
}

/// Every fault that was found, not only the first; never empty.
public struct DeliveryFaults: Error, Sendable, Equatable, CustomStringConvertible {
  public let faults: [DeliveryFault]

  public init(_ first: DeliveryFault, _ others: [DeliveryFault] = []) {
    faults = [first] + others
  }

  /// `nil` where there is no fault.
  init?(_ faults: [DeliveryFault]) {
    guard !faults.isEmpty else {
      return nil
    }
    self.faults = faults
  }

  /// One line a fault.
  public var description: String {
    faults.map(\.description).joined(separator: "\n")
  }
}

extension SystemFault {
  func at(_ path: String) -> DeliveryFault {
    DeliveryFault(.path(path), action, remedy: remedy, systemError: code)
  }

  private var remedy: String {
    switch code {
    case ENOSPC, EDQUOT: "free some space or raise the quota; what was there before is untouched"
    case EROFS: "mount the file system writable, or choose an output path elsewhere"
    case EACCES, EPERM: "run as a user who may do this, or change the folder's rights, the output path or the owner"
    // It is there, and takes no files, as /proc.
    case ENOENT where !action.hasPrefix("cannot open the"): "no file can be made there: choose another output path"
    case ENOENT: "create the folder first"
    case ENOTDIR: "a part of the path is a file: choose another output path"
    case ELOOP: "a part of the path is a symbolic link, which is not followed here: name the place that it leads to"
    case EXDEV: "the path leaves its output root: choose one beneath it"
    case ENAMETOOLONG: "choose a shorter output path"
    case EISDIR, EEXIST: "remove what stands there, or choose another output path"
    case EFBIG: "raise the file size limit (ulimit -f)"
    case EIO: "check the disk"
    default: "what was there before is untouched"
    }
  }
}
