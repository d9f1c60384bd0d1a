import AgentDaemon
import ArgumentParser
import Delivery
import EventLoop
import ExecutionModel
import Glibc
import Logging
import NodePolicy
import Resolution
import SealedCache
import SecretBytes
import Text

extension EnvironmentFormat: ExpressibleByArgument {}

struct ResolveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resolve", abstract: "Fetches every secret of a document once, and writes them.",
    discussion: """
      All or nothing: if one secret fails, nothing is written, and every failed one is reported.

      With --offline-ok what was fetched is kept sealed, and takes the place of what a store that cannot be reached does not give; each \
      such value is told of. What a store refuses or has no more is never used, and destroyed.

      EXAMPLES
        secrets-agent resolve job.yaml --output /run/web/env
        secrets-agent resolve job.yaml --files /run/web/secrets --owner web
        secrets-agent resolve job.yaml --format json --output - | jq keys
        secrets-agent resolve list.json --execution 4f1c --output /run/web/env
        secrets-agent resolve job.yaml --output env --offline-ok --config agent.yaml
      """)

  @OptionGroup var document: DocumentOptions
  @OptionGroup var time: TimeOptions
  @OptionGroup var offline: OfflineOptions

  @Option(help: "How the env file is written: \(EnvironmentFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
  var format: EnvironmentFormat = .dotenv

  @Option(help: "The env file to write, or - for standard output.", completion: .file())
  var output: String?

  @Flag(help: "Show values on a terminal, where --output - would write them.")
  var reveal = false

  @Option(help: "A directory to write one file a secret into.", completion: .directory)
  var files: String?

  @Option(help: "Permission bits of written files, in octal (default: 0600).", transform: ModeArgument.parse)
  var mode = ModeArgument(0o600)

  @Option(help: "Permission bits of the files directory, in octal (default: 0700).", transform: ModeArgument.parse)
  var directoryMode = ModeArgument(0o700)

  @Option(help: "Owner of what is written, a user's name or number.")
  var owner: String?

  @Option(help: "Group of what is written, a group's name or number.")
  var group: String?

  func run() throws {
    // Not in validate(): what is misspelt is told first.
    guard output != nil || files != nil else {
      throw UsageFault.report(
        "say where to write: --output FILE, --output - for standard output, or --files DIRECTORY", in: Self.self)
    }
    guard reveal || !Device.isTerminal(output) else {
      throw UsageFault.report(
        "the output is a terminal, and would show the values: add --reveal, or write to a file", in: Self.self)
    }
    let target = try outputs()
    let policy = try document.loadPolicy()
    let (execution, item) = try document.loadWhole(policy: policy, variables: output == nil ? nil : format)
    try checkOutputs(policy)
    // What it hangs on is handed over with the values.
    let source = try offline.place(document.log.faults).map {
      OfflineSource(place: $0, execution: execution, item: item, policy: policy, keepsLeases: true)
    }
    let plan = ExecutionPlan(execution)
    let limit = time.timeout.duration
    let stream = output.flatMap { output in
      output == "-" || Device.isOne(output) ? Stream(path: output == "-" ? nil : output, format: format) : nil
    }
    let label = "resolving \(Count(plan.items.count, "secret"))"
    try AgentRuntime.run(document.log, policy: policy, limits: time.limits) { runtime in
      let end = runtime.loop.now.advanced(by: limit)
      let secrets: [DeliveredSecret]
      switch await runtime.values(of: plan, label, within: limit, offline: source) {
      case .success(let values): secrets = values
      case .failure(let failed): return failed.status
      }
      let status = Self.deliver(secrets, to: target, stream, runtime)
      // Values that did not arrive are nobody's: what they hang on is revoked.
      await runtime.pool.closeAll(status == nil ? .handedOver : .ended, by: end)
      return status
    }
  }

  private func outputs() throws -> OutputTarget {
    let permissions = OutputPermissions(
      fileMode: mode.bits, folderMode: directoryMode.bits, owner: try owner.map(Account.user),
      group: try group.map(Account.group))
    let file = output.flatMap { output in
      output == "-" || Device.isOne(output)
        ? nil : EnvironmentFileOutput(OutputLocation(output), format: format, permissions: permissions)
    }
    let directory = files.map { FilesDirectoryOutput(OutputLocation($0), permissions: permissions) }
    return OutputTarget(environmentFile: file, filesDirectory: directory)
  }

  private func checkOutputs(_ policy: NodePolicy) throws {
    for path in [output, files].compactMap({ $0 }) where path != "-" {
      do throws(PolicyRefusal) {
        try policy.check(output: path)
      } catch {
        document.log.faults.error(error.message, ["class": "policy", "rule": error.rule])
        throw ExitStatus.denied.code
      }
    }
  }

  /// What an env file is written into as it comes: standard output, or a device, which no file can take the place of.
  private struct Stream: Sendable {
    /// `nil`: standard output.
    let path: String?
    let format: EnvironmentFormat

    var name: String { path.map { ShownText.clean($0) } ?? "standard output" }

    /// `nil`, or the `errno` of what went wrong.
    func write(_ text: SecretBytes) -> Int32? {
      path.map { Device.write(text, to: $0) } ?? StandardOutput.write(text)
    }
  }

  /// Files first: what went into a stream cannot be taken back.
  private static func deliver(
    _ secrets: [DeliveredSecret], to target: OutputTarget, _ stream: Stream?, _ runtime: AgentRuntime
  ) -> ExitStatus? {
    do throws(DeliveryFaults) {
      let text = try stream.map { stream throws(DeliveryFaults) in
        try EnvironmentFile.render(secrets, format: stream.format)
      }
      let outcome = try target.deliver(secrets)
      for warning in outcome.warnings {
        runtime.log.warning("output left in part", metadata: ["reason": "\(warning)"])
      }
      if let stream, let text, let code = stream.write(text) {
        runtime.faults.error("\(stream.name): \(String(cString: strerror(code)))", ["class": "output"])
        return .cannotCreate
      }
      return nil
    } catch {
      for fault in error.faults {
        runtime.faults.error(fault.description, ["class": "output"])
      }
      return .cannotCreate
    }
  }
}

extension AgentRuntime {
  /// What ended a command early; its faults are printed.
  struct Failed: Error {
    let status: ExitStatus
  }

  /// The values of `plan` under their names. Failures are printed, and the connections closed.
  ///
  /// - Parameter source: what takes the place of a store that cannot be asked; `nil`: nothing.
  func values(
    of plan: ExecutionPlan, _ label: String, within limit: Duration, offline source: OfflineSource? = nil
  ) async -> Result<[DeliveredSecret], Failed> {
    let end = loop.now.advanced(by: limit)
    let offline: OfflineValues?
    do throws(CacheFault) {
      offline = if let source { try await source.open(self) } else { nil }
    } catch {
      faults.error(error.description, ["class": "cache"])
      return .failure(Failed(status: .invalidConfiguration))
    }
    let result = await Progress.showing(label, on: loop) { () async -> Result<Generation, GenerationFailure> in
      do throws(GenerationFailure) {
        guard let offline else {
          return .success(try await resolver.resolve(plan, within: limit))
        }
        return .success(try await offline.generation(of: plan, by: resolver, within: limit))
      } catch {
        return .failure(error)
      }
    }
    switch result {
    case .success(let generation):
      StandardError.hidden.set(generation.secrets.map(\.value), of: "command")
      return .success(generation.secrets.map { DeliveredSecret(name: $0.name, value: $0.value) })
    case .failure(let failure):
      faults.print(failure)
      await pool.closeAll(.ended, by: end)
      return .failure(Failed(status: ExitStatus(failure.failures.map(\.failure))))
    }
  }
}

/// Standard output, written whole.
enum StandardOutput {
  /// Whether it is a pipe or socket whose other end is closed.
  static var isUnread: Bool {
    var output = pollfd(fd: 1, events: 0, revents: 0)
    return poll(&output, 1, 0) == 1 && Int32(output.revents) & (POLLERR | POLLHUP) != 0
  }

  /// `nil`, or the `errno` of what went wrong.
  static func write(_ bytes: SecretBytes, to descriptor: Int32 = 1) -> Int32? {
    bytes.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
        if count > 0 {
          written += count
        } else if errno != EINTR {
          return errno
        }
      }
      return nil
    }
  }
}

/// Outputs that are written into as they are: `/dev/null`, terminals, named pipes.
enum Device {
  static func isOne(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && [S_IFCHR, S_IFIFO].contains(status.st_mode & S_IFMT)
  }

  /// Whether `output` is one: by its name, or `-` for standard output.
  static func isTerminal(_ output: String?) -> Bool {
    guard let output, output != "-" else {
      return output != nil && isatty(1) == 1
    }
    var status = stat()
    // Not a pipe: to open and close one tells its reader that it is over.
    guard stat(output, &status) == 0, status.st_mode & S_IFMT == S_IFCHR else {
      return false
    }
    let descriptor = open(output, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
    defer { close(descriptor) }
    return isatty(descriptor) == 1
  }

  /// `nil`, or the `errno` of what went wrong.
  static func write(_ bytes: SecretBytes, to path: String) -> Int32? {
    let descriptor = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0 else {
      return errno
    }
    defer { close(descriptor) }
    return StandardOutput.write(bytes, to: descriptor)
  }
}

/// Permission bits, as `0640`.
struct ModeArgument: Sendable {
  let bits: mode_t

  init(_ bits: mode_t) {
    self.bits = bits
  }

  static func parse(_ text: String) throws -> ModeArgument {
    guard let bits = mode_t(text, radix: 8), bits <= 0o777 else {
      throw ValidationError("expected permission bits in octal, as 0640")
    }
    return ModeArgument(bits)
  }
}

/// Users and groups by name or number.
enum Account {
  static func user(_ name: String) throws -> uid_t {
    if let number = uid_t(name) {
      return number
    }
    guard let entry = getpwnam(name) else {
      throw ValidationError("no user is named \(ShownText.clean(name))")
    }
    return entry.pointee.pw_uid
  }

  static func group(_ name: String) throws -> gid_t {
    if let number = gid_t(name) {
      return number
    }
    guard let entry = getgrnam(name) else {
      throw ValidationError("no group is named \(ShownText.clean(name))")
    }
    return entry.pointee.gr_gid
  }
}
