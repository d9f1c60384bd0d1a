import CLinux
import Glibc

/// Who is let in at the Unix socket, beside root and the agent's own user.
public struct PeerRule: Sendable {
  private let users: Set<uid_t>
  private let groups: Set<gid_t>

  public init(users: Set<uid_t>, groups: Set<gid_t>) {
    self.users = users
    self.groups = groups
  }

  /// Groups of one user that are looked at; Linux knows at most 65,536, and a user with more than this is not let in by the last ones.
  private static let mostGroups = 1024

  /// The process at the other end of a Unix socket, as the kernel knew it when it connected (SO_PEERCRED, unix(7)).
  static func peer(of connection: Int32) -> (user: uid_t, group: gid_t)? {
    var (pid, uid, gid): (pid_t, uid_t, gid_t) = (0, 0, 0)
    return linux_peer_credentials(connection, &pid, &uid, &gid) == 0 ? (uid, gid) : nil
  }

  /// The same process by its number; 0 where it is not known.
  static func process(of connection: Int32) -> pid_t {
    var (pid, uid, gid): (pid_t, uid_t, gid_t) = (0, 0, 0)
    return linux_peer_credentials(connection, &pid, &uid, &gid) == 0 ? pid : 0
  }

  /// Whether the peer may ask. Where nothing else lets it in and groups are allowed, the system's user database is asked, which waits
  /// for whatever nsswitch.conf(5) names.
  func admits(_ connection: Int32) -> Bool {
    guard let (uid, gid) = Self.peer(of: connection) else {
      return false
    }
    if uid == 0 || uid == geteuid() || users.contains(uid) || groups.contains(gid) {
      return true
    }
    return !groups.isEmpty
      && (holds { linux_peer_groups(connection, $0, $1) } || holds { linux_user_groups(uid, gid, $0, $1) })
  }

  private func holds(_ list: (UnsafeMutablePointer<gid_t>?, Int32) -> Int32) -> Bool {
    withUnsafeTemporaryAllocation(of: gid_t.self, capacity: Self.mostGroups) { room in
      room.initialize(repeating: 0)
      let count = list(room.baseAddress, Int32(Self.mostGroups))
      return count > 0 && room.prefix(Int(count)).contains(where: groups.contains)
    }
  }
}

/// Who may do what at a Unix socket.
struct APIPeers: Sendable {
  private let operators: PeerRule
  private let readers: PeerRule
  private let workloads: Set<uid_t>

  init(operators: PeerRule, readers: PeerRule, workloads: Set<uid_t>) {
    self.operators = operators
    self.readers = readers
    self.workloads = workloads
  }

  /// Who is at the other end; `nil` where it is let in by nothing.
  func peer(of connection: Int32) -> APIPeer? {
    guard let user = PeerRule.peer(of: connection)?.user else {
      return nil
    }
    if operators.admits(connection) {
      return APIPeer(role: .isOperator, user: user)
    }
    if readers.admits(connection) {
      return APIPeer(role: .isReader, user: user)
    }
    return workloads.contains(user) ? APIPeer(role: .isWorkload, user: user) : nil
  }
}
