import CLinux
import Glibc

/// Tells the service manager how the agent is (sd_notify(3), "Notes": datagrams of `NAME=value` lines to `$NOTIFY_SOCKET`).
///
/// A message that cannot be sent is lost; the manager's own time limits cover that. The methods return whether it was sent.
public struct ServiceNotifier: Sendable {
  /// As in `sun_path`, without the NUL at the end: a path, or a name in the abstract namespace, which begins with NUL.
  private let address: [UInt8]
  /// How often to call ``watchdog()``: half of what the manager allows, as sd_watchdog_enabled(3) advises; `nil` where it does not
  /// watch this process.
  public let watchdogInterval: Duration?

  /// From the variables that `lookup` gives (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`); `nil` where no manager listens, or not
  /// on a Unix socket.
  public init?(environment lookup: (String) -> String?) {
    guard let name = lookup("NOTIFY_SOCKET"), case var bytes = Array(name.utf8), bytes.count > 1, !bytes.contains(0),
      bytes.count <= Self.longestAddress
    else {
      return nil
    }
    switch bytes.first {
    case UInt8(ascii: "/"): break
    case UInt8(ascii: "@"): bytes[0] = 0
    default: return nil
    }
    address = bytes
    watchdogInterval = Self.watchdogInterval(lookup)
  }

  /// From the process's own environment.
  public init?() {
    self.init { name in getenv(name).map { String(cString: $0) } }
  }

  /// The first pass is done, or the reload is.
  @discardableResult
  public func ready() -> Bool { send("READY=1") }

  /// The configuration is read anew; ``ready()`` ends it. Carries the time by which the manager (`Type=notify-reload`) tells this
  /// reload from an earlier one.
  @discardableResult
  public func reloading() -> Bool {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    return send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
  }

  @discardableResult
  public func stopping() -> Bool { send("STOPPING=1") }

  /// One line for `systemctl status`; what comes after a line break is left out.
  @discardableResult
  public func status(_ line: String) -> Bool {
    let line = line.unicodeScalars.prefix { $0 != "\n" && $0 != "\r" && $0 != "\0" }.prefix(1024)
    return send("STATUS=\(String(String.UnicodeScalarView(line)))", patience: .zero)
  }

  /// A sign of life.
  @discardableResult
  public func watchdog() -> Bool { send("WATCHDOG=1", patience: .zero) }

  // MARK: - The protocol

  private static let longestAddress = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

  private static func watchdogInterval(_ lookup: (String) -> String?) -> Duration? {
    guard let microseconds = lookup("WATCHDOG_USEC").flatMap({ Int64($0) }), microseconds > 0 else {
      return nil
    }
    if let process = lookup("WATCHDOG_PID"), pid_t(process) != getpid() {
      return nil
    }
    return .microseconds(max(microseconds / 2, 1))
  }

  /// - Parameter patience: how long a full queue (ten messages, net.unix.max_dgram_qlen) is waited for: what must not be lost is worth a
  ///   pause of the daemon, a sign of life is not.
  private func send(_ message: String, patience: Duration = .seconds(1)) -> Bool {
    let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else {
      return false
    }
    defer { close(socket) }
    let flags = Int32(MSG_NOSIGNAL) | (patience == .zero ? Int32(MSG_DONTWAIT) : 0)
    var limit = timeval(tv_sec: Int(patience.components.seconds), tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var target = sockaddr_un()
    target.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: address) }
    // The length counts: an abstract name ends where the address does.
    let size = socklen_t(MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2) + socklen_t(address.count)
    let bytes = Array(message.utf8)
    let sent = withUnsafePointer(to: &target) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { target in
        sendto(socket, bytes, bytes.count, flags, target, size)
      }
    }
    return sent == bytes.count
  }
}
