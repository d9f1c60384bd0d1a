import CLinux
import Glibc

/// Starts programs, and no more than that: whoever starts one has it reaped by a ``ChildProcess``.
enum Spawning {
  enum Surroundings {
    /// The agent's standard input, output and error, process group and terminal.
    case ours
    /// The same, but for where it writes to.
    case heard(output: Int32, errors: Int32)
    /// A process group of its own, which reads this (without `input`, nothing) and writes to these; without `errors` those go nowhere.
    case apart(input: Int32? = nil, output: Int32, errors: Int32?)
  }

  /// The command is found by the environment's PATH; a script without `#!` is given to `/bin/sh`, as execvp(3) does.
  static func spawn(
    _ arguments: [String], _ environment: ProcessEnvironment, _ surroundings: Surroundings
  ) throws(SpawnFault) -> pid_t {
    guard let command = arguments.first, !command.isEmpty else {
      throw SpawnFault("", ENOENT)
    }
    guard !arguments.contains(where: { $0.utf8.contains(0) }) else {
      throw SpawnFault(command, EINVAL)
    }
    guard let block = EnvironmentBlock(environment) else {
      throw SpawnFault(command, ENOMEM)
    }
    var worst = ENOENT
    for path in CommandLookup.candidates(for: command, environment) {
      var pid: pid_t = 0
      var code = spawn(path, arguments, block, surroundings, &pid)
      if code == ENOEXEC {
        code = spawn("/bin/sh", ["/bin/sh", path] + arguments.dropFirst(), block, surroundings, &pid)
      }
      switch code {
      case 0:
        return pid
      case ENOENT, ENOTDIR, ENODEV, ESTALE, ETIMEDOUT:
        continue
      case EACCES:
        worst = code
      default:
        throw SpawnFault(command, code)
      }
    }
    throw SpawnFault(command, worst)
  }

  private static func spawn(
    _ path: String, _ arguments: [String], _ block: borrowing EnvironmentBlock, _ surroundings: Surroundings,
    _ pid: inout pid_t
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
      switch surroundings {
      case .ours: linux_spawn(path, argv.baseAddress, block.variables, &pid)
      case .heard(let output, let errors):
        linux_spawn_heard(path, argv.baseAddress, block.variables, output, errors, &pid)
      case .apart(let input, let output, let errors):
        linux_spawn_apart(path, argv.baseAddress, block.variables, input ?? -1, output, errors ?? -1, &pid)
      }
    }
  }
}
