import Foundation
import Glibc

/// posix_spawn(3) with exactly this environment and these three descriptors, and no others; `nil` stands for /dev/null. What was built
/// with a sanitizer is given the sanitizer's options too.
public func spawn(
  _ command: [String], environment: [String: String], input: Int32? = nil, output: Int32? = nil, error: Int32? = nil
) throws -> pid_t {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  for (target, descriptor) in [(0, input), (1, output), (2, error)] as [(Int32, Int32?)] {
    if let descriptor {
      posix_spawn_file_actions_adddup2(&actions, descriptor, target)
    } else {
      posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDWR, 0)
    }
  }
  // Sockets and pipes of tests that run beside this one must not stay open in a child. Closing one that has gone
  // meanwhile does no harm: posix_spawn passes over it.
  for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
    if let descriptor = Int32(name), descriptor > 2 { posix_spawn_file_actions_addclose(&actions, descriptor) }
  }

  // The test runner's threads may block signals and ignore SIGPIPE; a program started by a shell finds neither.
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var signals = sigset_t()
  sigemptyset(&signals)
  posix_spawnattr_setsigmask(&attributes, &signals)
  sigfillset(&signals)
  posix_spawnattr_setsigdefault(&attributes, &signals)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

  let argv: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
  let sanitizers = ProcessInfo.processInfo.environment.filter { ["ASAN_OPTIONS", "TSAN_OPTIONS"].contains($0.key) }
  let whole = environment.merging(sanitizers) { $1 }
  let envp: [UnsafeMutablePointer<CChar>?] = whole.map { strdup("\($0.key)=\($0.value)") } + [nil]
  defer {
    for string in argv + envp { free(string) }
  }
  var started: pid_t = 0
  let fault = posix_spawnp(&started, command[0], &actions, &attributes, argv, envp)
  guard fault == 0 else { throw Broken("cannot start \(command[0]): \(String(cString: strerror(fault)))") }
  return started
}

/// Two ends of a connection. Unlike a pipe's they are closed on exec from the very start, so that no program that another
/// test starts meanwhile can keep one open.
public func connectedPair() throws -> (reading: Int32, writing: Int32) {
  var ends: [Int32] = [-1, -1]
  guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
    throw Broken("no pair of sockets: \(String(cString: strerror(errno)))")
  }
  return (ends[0], ends[1])
}

/// What a test leans on does not hold.
public struct Broken: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}
