import Files
import Glibc

/// What the kernel tells of itself and of its processes, as `/proc/self/environ`, which has the agent's own variables: no credential is kept
/// there, whatever folders a policy allows.
enum KernelFiles {
  static let reason = "is the kernel's own, and holds no credential"

  private static let folders = ["/proc", "/sys", "/dev"]
  /// Memory that programs keep files in.
  private static let exceptions = ["/dev/shm"]

  /// Whether `path` lies there, by its spelling or by where links lead.
  static func contains(_ path: String) -> Bool {
    let place = CredentialPlace(path)
    return place.lies(in: folders) && !place.lies(in: exceptions)
  }

  /// Whether the file is of one of these file systems, however it was reached.
  static func isOne(_ file: borrowing FileDescriptor) -> Bool {
    var status = stat()
    return fstat(file.number, &status) == 0
      && folders.contains { folder in
        var top = stat()
        return stat(folder, &top) == 0 && top.st_dev == status.st_dev && isMountPoint(folder, top)
      }
  }

  /// Else it is of the file system of all that lies beside it.
  private static func isMountPoint(_ folder: String, _ status: stat) -> Bool {
    var above = stat()
    return stat(folder + "/..", &above) == 0 && above.st_dev != status.st_dev
  }
}
