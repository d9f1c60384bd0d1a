import CLinux
import EventLoop
import Glibc
import Masking

/// A child's standard output and error on their way to the agent's own, with values masked.
///
/// The child has the agent's standard input, process group and terminal; what it writes to are pipes, so that it sees no terminal
/// there. Where the agent's output and error are the same file, the child has one pipe for both, and their order is kept.
public final class MaskedOutput: Sendable {
  private let ending: (read: Int32, write: Int32)
  private let relays: [Task<Int32?, Never>]

  private init(ending: (read: Int32, write: Int32), relays: [Task<Int32?, Never>]) {
    self.ending = ending
    self.relays = relays
  }

  /// The child has ended: what it wrote is passed on to its last byte. What those that it left running write afterwards is not.
  ///
  /// - Returns: why some of it is lost; `nil`: all of it was written, or nobody reads it any more, which is no fault.
  public func finish() async -> OutputLoss? {
    close(ending.write)
    var loss: OutputLoss?
    for relay in relays {
      if let code = await relay.value, code != EPIPE {
        loss = loss ?? OutputLoss(code: code)
      }
    }
    close(ending.read)
    return loss
  }

  /// Starts `arguments` (the command first), hiding `values` in what it writes. It is followed by ``finish()`` once it has ended.
  public static func start(
    _ arguments: [String], environment: ProcessEnvironment, hiding values: MaskedValues, on loop: EventLoop
  ) throws(SpawnFault) -> (child: ChildProcess, output: MaskedOutput) {
    var pipes = Pipes()
    do throws(SpawnFault) {
      let ending = try pipes.open(arguments)
      let output = try pipes.open(arguments)
      let errors = isOneFile(1, 2) ? output : try pipes.open(arguments)
      let sources = errors.read == output.read ? [(output.read, 1)] : [(output.read, 1), (errors.read, 2)]
      for (source, _) in sources {
        _ = fcntl(source, F_SETFL, O_NONBLOCK)
      }
      let workers = try sources.map { _ throws(SpawnFault) in try worker(arguments) }
      let child = try ChildProcess.start(
        arguments, environment, .heard(output: output.write, errors: errors.write), on: loop)
      // The child's alone from now on, so that its pipes have an end.
      close(output.write)
      if errors.write != output.write {
        close(errors.write)
      }
      let relays = zip(sources, workers).map { source, worker in
        let relay = OutputRelay(
          source: source.0, ending: ending.read, destination: Int32(source.1), values: values)
        return Task(executorPreference: loop) { await worker.run { relay.run() } }
      }
      return (child, MaskedOutput(ending: ending, relays: relays))
    } catch {
      pipes.closeAll()
      throw error
    }
  }

  private static func worker(_ arguments: [String]) throws(SpawnFault) -> WorkerThread {
    do throws(EventLoopFault) {
      return try WorkerThread()
    } catch {
      throw SpawnFault(arguments.first ?? "", error.code)
    }
  }

  private static func isOneFile(_ one: Int32, _ other: Int32) -> Bool {
    var (first, second) = (stat(), stat())
    return fstat(one, &first) == 0 && fstat(other, &second) == 0 && first.st_dev == second.st_dev
      && first.st_ino == second.st_ino
  }

  /// Those that were opened, should the rest fail.
  private struct Pipes {
    private var opened: [Int32] = []

    mutating func open(_ arguments: [String]) throws(SpawnFault) -> (read: Int32, write: Int32) {
      var ends: [Int32] = [-1, -1]
      guard linux_pipe(&ends) == 0 else {
        throw SpawnFault(arguments.first ?? "", errno)
      }
      opened += ends
      return (ends[0], ends[1])
    }

    func closeAll() {
      for descriptor in opened {
        close(descriptor)
      }
    }
  }
}

/// What a command wrote and took for written did not come to where it was to go, as a disk that is full.
public struct OutputLoss: Error, Sendable, Equatable, CustomStringConvertible {
  /// An `errno`.
  public let code: Int32

  public var description: String { "the command's output is not whole: \(String(cString: strerror(code)))" }

  /// How the command counts as ended: one that took all to be well has failed for whoever reads its output.
  public func status(of ended: ChildStatus) -> ChildStatus { ended == .exited(0) ? .exited(Self.status) : ended }

  /// An output could not be written.
  private static let status: Int32 = 73
}
