import Glibc

/// Who may use the daemon's socket, for those who may not.
enum SocketAccess {
  private static let remedy =
    "run this as root or as the agent's user, or have its configuration let you in: api.allowed_users or allowed_groups "
    + "(to refresh: operator_users or operator_groups), with api.group a group of yours and api.mode \"0660\""

  /// Why this process may not connect to the socket at `path`, and the way out; `nil` where its rights are not what stands in the way.
  static func obstacle(_ path: String) -> String? {
    guard access(path, R_OK | W_OK) != 0, errno == EACCES else {
      return nil
    }
    var status = stat()
    guard stat(path, &status) == 0 else {
      return "permission denied: its folder is closed to you; \(remedy)"
    }
    let owner = getpwuid(status.st_uid).map { String(cString: $0.pointee.pw_name) } ?? "\(status.st_uid)"
    let group = getgrgid(status.st_gid).map { String(cString: $0.pointee.gr_name) } ?? "\(status.st_gid)"
    let bits = String(status.st_mode & 0o777, radix: 8)
    return "permission denied: it is for user \(owner) and group \(group), mode 0\(bits); \(remedy)"
  }
}
