import CLinux
import Glibc
import SecretBytes

/// Why a command could not be started.
public struct SpawnFault: Error, Sendable, Equatable, CustomStringConvertible {
  public let fault: DeliveryFault
  /// What env(1) and shells exit with: 127 where there is no such command, 126 where it cannot be run.
  public let exitStatus: Int32

  public var description: String { fault.description }
}

/// A child process with secrets in its environment, and nowhere else.
///
/// It has the agent's standard input, output and error, working folder, process group and terminal, so that it behaves as if it had
/// been started directly: Ctrl-C reaches it by way of the terminal. Signals have their default meanings, but those of SIGHUP, SIGINT
/// and SIGQUIT that the agent's own starter ignores. The block with the values is overwritten as soon as the kernel has copied it;
/// from then on the child's user can read them in `/proc/PID/environ`, as with every environment.
///
/// Nothing here waits: on SIGCHLD, call ``reap()``.
public struct ChildProcess: ~Copyable {
  public let pid: pid_t
  /// How it ended; `nil` while it runs, as far as ``reap()`` was asked.
  public private(set) var status: ChildStatus?

  private init(pid: pid_t) {
    self.pid = pid
  }

  /// Starts `arguments` (the command first, found by the environment's PATH; a script without `#!` is given to `/bin/sh`, as
  /// execvp(3) does).
  public static func spawn(
    _ arguments: [String], environment: ProcessEnvironment
  ) throws(SpawnFault) -> ChildProcess {
    try spawn(arguments, environment: environment, output: nil)
  }

  /// The same; with `output`, in a process group of its own that reads nothing and writes to that descriptor.
  static func spawn(
    _ arguments: [String], environment: ProcessEnvironment, output: Int32?
  ) throws(SpawnFault) -> ChildProcess {
    guard let command = arguments.first, !command.isEmpty else {
      throw SpawnFault(
        fault: DeliveryFault(.command(""), "there is no command", remedy: "name one after --"), exitStatus: 127)
    }
    guard let block = EnvironmentBlock(environment) else {
      throw fault(command, ENOMEM)
    }
    var worst = ENOENT
    for path in CommandLookup.candidates(for: command, environment) {
      var pid: pid_t = 0
      var code = spawn(path, arguments, block, output, &pid)
      if code == ENOEXEC {
        code = spawn("/bin/sh", ["/bin/sh", path] + arguments.dropFirst(), block, output, &pid)
      }
      switch code {
      case 0:
        return ChildProcess(pid: pid)
      case ENOENT, ENOTDIR, ENODEV, ESTALE, ETIMEDOUT:
        continue
      case EACCES:
        worst = code
      default:
        throw fault(command, code)
      }
    }
    throw fault(command, worst)
  }

  /// Sends a signal, unless the process has ended; false where it could not be sent.
  @discardableResult
  public func signal(_ number: Int32) -> Bool {
    // A reaped pid may be someone else's by now.
    status == nil && kill(pid, number) == 0
  }

  /// Asks the process to end (SIGTERM).
  @discardableResult
  public func terminate() -> Bool {
    signal(SIGTERM)
  }

  /// How the process ended, or `nil` at once where it still runs.
  public mutating func reap() -> ChildStatus? {
    while status == nil {
      var waited: Int32 = 0
      let result = waitpid(pid, &waited, WNOHANG)
      if result == 0 {
        return nil
      }
      if result > 0 {
        status = ChildStatus(waitStatus: waited)
      } else if errno != EINTR {
        status = .unknown
      }
    }
    return status
  }

  private static func spawn(
    _ path: String, _ arguments: [String], _ block: borrowing EnvironmentBlock, _ output: Int32?, _ pid: inout pid_t
  ) -> Int32 {
    var argv = arguments.map { strdup($0) }
    defer {
      for argument in argv {
        free(argument)
      }
    }
    guard !argv.contains(nil) else {
      return ENOMEM
    }
    argv.append(nil)
    return argv.withUnsafeBufferPointer { argv in
      guard let output else {
        return linux_spawn(path, argv.baseAddress, block.variables, &pid)
      }
      return linux_spawn_apart(path, argv.baseAddress, block.variables, output, &pid)
    }
  }

  private static func fault(_ command: String, _ code: Int32) -> SpawnFault {
    let (problem, remedy) =
      switch code {
      case ENOENT: ("no such command", "check its name and PATH")
      case EACCES:
        (
          "the command cannot be run",
          "check that it is a file with the execute bit, on a file system not mounted noexec"
        )
      case E2BIG: ("arguments and environment are larger than the kernel takes", "deliver large values as files")
      default: ("the command cannot be started", "")
      }
    return SpawnFault(
      fault: DeliveryFault(.command(command), problem, remedy: remedy, systemError: code),
      exitStatus: code == ENOENT ? 127 : 126)
  }
}

/// The environment as execve(2) takes it, in memory that is overwritten when it is dropped.
private struct EnvironmentBlock: ~Copyable {
  private let memory: UnsafeMutableRawPointer
  private let size: Int
  /// Ends with a null pointer.
  let variables: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

  init?(_ environment: ProcessEnvironment) {
    let entries = environment.entries
    let pointers = (entries.count + 1) * MemoryLayout<UnsafeMutablePointer<CChar>?>.stride
    let needed = entries.reduce(pointers) { $0 + $1.count + 1 }
    let page = 4096
    size = (needed + page - 1) / page * page
    guard let memory = linux_secret_map(size) else {
      return nil
    }
    self.memory = memory
    variables = memory.bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: entries.count + 1)
    var text = memory + pointers
    for (place, entry) in entries.enumerated() {
      entry.withUnsafeBytes { bytes in
        if let base = bytes.baseAddress {
          memcpy(text, base, bytes.count)
        }
      }
      (text + entry.count).storeBytes(of: 0, as: UInt8.self)
      variables[place] = text.assumingMemoryBound(to: CChar.self)
      text += entry.count + 1
    }
    variables[entries.count] = nil
  }

  deinit {
    linux_secret_unmap(memory, size)
  }
}
