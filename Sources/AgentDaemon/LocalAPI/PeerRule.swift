import CLinux
import Glibc

/// Who may use the Unix socket, beside root and the agent's own user.
struct PeerRule: Sendable {
  let users: Set<uid_t>
  let groups: Set<gid_t>

  /// Groups of one user that are looked at; Linux knows at most 65,536, and a user with more than this is not let in by the last ones.
  private static let mostGroups = 1024

  /// The peer of a connected Unix socket, `nil` where the kernel does not tell.
  static func peer(of connection: Int32) -> PeerCredentials? {
    var (pid, uid, gid): (pid_t, uid_t, gid_t) = (0, 0, 0)
    guard linux_peer_credentials(connection, &pid, &uid, &gid) == 0 else {
      return nil
    }
    return PeerCredentials(pid: pid, uid: uid, gid: gid)
  }

  /// Whether the peer may ask. Where nothing else lets it in and groups are allowed, the system's user database is asked, which waits
  /// for whatever nsswitch.conf(5) names.
  func admits(_ peer: PeerCredentials, on connection: Int32) -> Bool {
    if peer.uid == 0 || peer.uid == geteuid() || users.contains(peer.uid) || groups.contains(peer.gid) {
      return true
    }
    guard !groups.isEmpty else {
      return false
    }
    return holds { linux_peer_groups(connection, $0, $1) }
      || holds { linux_user_groups(peer.uid, peer.gid, $0, $1) }
  }

  private func holds(_ list: (UnsafeMutablePointer<gid_t>?, Int32) -> Int32) -> Bool {
    withUnsafeTemporaryAllocation(of: gid_t.self, capacity: Self.mostGroups) { room in
      room.initialize(repeating: 0)
      let count = list(room.baseAddress, Int32(Self.mostGroups))
      return count > 0 && room.prefix(Int(count)).contains(where: groups.contains)
    }
  }
}
