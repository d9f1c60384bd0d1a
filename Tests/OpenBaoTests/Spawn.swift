import Foundation
import Glibc

/// What a child gets as its standard descriptors; it gets no others.
enum StandardDescriptors {
  case files(input: String, URL, URL)
  /// Input from a descriptor of ours, outputs to nowhere.
  case reading(Int32)
}

/// posix_spawn(3) of a program looked up in PATH, with exactly this environment.
func spawn(_ command: [String], environment: [String: String], descriptors: StandardDescriptors) throws -> pid_t {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  switch descriptors {
  case .files(let input, let output, let error):
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output.path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, error.path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  case .reading(let descriptor):
    posix_spawn_file_actions_adddup2(&actions, descriptor, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
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
  let envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
  defer {
    for string in argv + envp { free(string) }
  }

  var started: pid_t = 0
  let fault = posix_spawnp(&started, command[0], &actions, &attributes, argv, envp)
  guard fault == 0 else { throw SpawnFault(program: command[0], errno: fault) }
  return started
}

struct SpawnFault: Error, CustomStringConvertible {
  let program: String
  let errno: Int32

  var description: String { "cannot start \(program): \(String(cString: strerror(errno)))" }
}

func closeOnExec(_ descriptor: Int32) {
  _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
}
