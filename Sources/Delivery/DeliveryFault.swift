import CLinux
import Glibc

/// One reason why a delivery cannot be made, as one line: what, where, why, and the way out. It never holds a value.
public struct DeliveryFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// What the fault is about.
  public enum Subject: Sendable, Equatable {
    /// A secret's name.
    case secret(String)
    /// A file or folder.
    case path(String)
    /// The program of a child process.
    case command(String)
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
    case .secret(let name): place = "secrets." + Self.printable(name)
    case .path(let path): place = Self.printable(path)
    case .command(let command): place = Self.printable(command)
    case .line(let number): place = "env file, line \(number)"
    }
    let cause = systemError.map { ": " + Self.text(of: $0) } ?? ""
    return "\(place): \(problem)\(cause)" + (remedy.isEmpty ? "" : "; \(remedy)")
  }

  /// `name` on one line, whatever it holds.
  private static func printable(_ name: String) -> String {
    var shown = ""
    for scalar in name.unicodeScalars.prefix(1024) {
      shown += scalar.value < 0x20 || scalar.value == 0x7f ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return shown.isEmpty ? "\"\"" : shown
  }

  /// `No space left on device (ENOSPC)`.
  static func text(of code: Int32) -> String {
    guard let text = linux_error_text(code), let name = linux_error_name(code) else {
      return "error \(code)"
    }
    return "\(String(cString: text)) (\(String(cString: name)))"
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

/// A system call that failed.
struct SystemFault: Error {
  /// What could not be done, as in `cannot write the temporary file`.
  let action: String
  let code: Int32

  init(_ action: String, _ code: Int32 = errno) {
    self.action = action
    self.code = code
  }

  func at(_ path: String) -> DeliveryFault {
    DeliveryFault(.path(path), action, remedy: remedy, systemError: code)
  }

  private var remedy: String {
    switch code {
    case ENOSPC, EDQUOT: "free some space or raise the quota; the earlier output is still in place"
    case EROFS: "mount the file system writable, or choose an output path elsewhere"
    case EACCES, EPERM: "run as a user who may do this, or change the folder's rights, the output path or the owner"
    case ENOENT: "create the folder first"
    case ENOTDIR: "a part of the path is a file: choose another output path"
    case ELOOP: "a part of the path is a symbolic link, which is not followed here: name the place that it leads to"
    case EXDEV: "the path leaves its output root: choose one beneath it"
    case ENAMETOOLONG: "choose a shorter output path"
    case EISDIR, EEXIST: "remove what stands there, or choose another output path"
    case EFBIG: "raise the file size limit (ulimit -f)"
    case EIO: "check the disk"
    default: "the earlier output is still in place"
    }
  }
}
