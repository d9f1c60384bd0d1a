import AgentDaemon
import ArgumentParser
import EventLoop
import ExecutionModel
import Glibc
import SealedCache
import Text

struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Looks after the sealed cache, from which the daemon starts without a network.",
    discussion: """
      It is on where the daemon's configuration has `cache`. No command prints a value.

      EXAMPLES
        secrets-agent cache init
        secrets-agent cache init --rotate
        secrets-agent cache verify --config /etc/secrets-agent/agent.yaml
      """,
    subcommands: [Initialize.self, List.self, Verify.self, Purge.self])

  struct Initialize: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "init", abstract: "Makes the key file, for its owner alone.",
      discussion: """
        With --rotate a new key is put before the present one: what is sealed from now on needs the new one, and what was sealed before \
        still opens. The daemon takes it at its next start, which seals everything by it; only then may older keys be left out (--keep).

        With --tpm the key is sealed by this machine's TPM 2.0 (Debian's tpm2-tools): the file is of no use elsewhere. The daemon opens \
        it by the same tools at its start. TPM2TOOLS_TCTI says which TPM is meant; without it, /dev/tpmrm0.

        EXAMPLES
          secrets-agent cache init --key-file /etc/secrets-agent/cache.key
          secrets-agent cache init --tpm
        """)

    @Option(help: "The key file.", completion: .file())
    var keyFile = CacheKeys.defaultPath

    @Flag(help: "Add a new key to a file that is there.")
    var rotate = false

    @Option(help: "With --rotate: how many of the present keys stay, the newest (default: all, up to 16).")
    var keep: Int?

    @Flag(help: "Have this machine's TPM seal the key.")
    var tpm = false

    func validate() throws {
      guard let keep else {
        return
      }
      guard rotate, (1..<CacheKeyFile.most).contains(keep) else {
        throw ValidationError("--keep is for --rotate, a number from 1 to \(CacheKeyFile.most - 1)")
      }
    }

    func run() throws {
      let (path, rotates, isSealed, keep) = (keyFile, rotate, tpm, keep)
      try CacheCommand.onLoop { loop throws(CacheFault) in
        let seal = isSealed ? TPMSeal(on: loop) : nil
        if rotates {
          try await CacheKeyFile.rotate(at: path, keeping: keep, sealedBy: seal)
        } else {
          try await CacheKeyFile.create(at: path, sealedBy: seal)
        }
      }
    }
  }

  struct Place: ParsableArguments {
    @Option(help: "The daemon's configuration, YAML or JSON.", completion: .file())
    var config: String

    /// The files alone: no key is needed to remove them, nor that the cache is on.
    func files() throws -> CacheFiles { CacheFiles(try configuration().cacheFolder) }

    func open() throws -> CacheFolder {
      let configuration = try configuration()
      return try CacheCommand.onLoop { loop throws(CacheFault) in
        let keys = try await CacheKeys.load(
          path: configuration.cache?.keyFile ?? CacheKeys.defaultPath, tpm: TPMSeal(on: loop))
        for reason in keys.unopened {
          FaultPrinter(format: .text).warning(reason, ["class": "cache"])
        }
        return try CacheFolder(configuration.cacheFolder, keys)
      }
    }

    private func configuration() throws -> AgentConfiguration {
      do throws(DocumentFaults) {
        return try DaemonSettings.load(config).configuration
      } catch {
        for fault in error.faults {
          FaultPrinter(format: .text).error("\(config): \(fault.line)", ["class": "configuration"])
        }
        throw ExitStatus.invalidConfiguration.code
      }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "Prints what is kept: execution, secret, version, age.",
      discussion: """
        EXAMPLES
          secrets-agent cache list --config agent.yaml
        """)

    @OptionGroup var place: Place

    func run() throws {
      let isWhole = try CacheCommand.tellOfEach(in: place.open()) { generation in
        for value in generation.values {
          let version = value.version.map { "version \(ShownText.clean($0)), " } ?? ""
          let fetched = value.age(at: Int64(time(nil))).map { "fetched \($0) ago" } ?? "its age is not known"
          print(
            "\(ShownText.clean(generation.executionID)) \(ShownText.clean(value.name)): \(version)\(fetched)")
        }
      }
      try CacheCommand.end(isWhole)
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify", abstract: "Opens every file; ends with 65 where one cannot be used.",
      discussion: """
        EXAMPLES
          secrets-agent cache verify --config agent.yaml
        """)

    @OptionGroup var place: Place

    func run() throws {
      var count = 0
      let isWhole = try CacheCommand.tellOfEach(in: place.open()) { _ in count += 1 }
      print("\(Count(count, "execution")) can be started without a network")
      try CacheCommand.end(isWhole)
    }
  }

  struct Purge: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "purge", abstract: "Removes what is kept of all executions, or of one.",
      discussion: """
        EXAMPLES
          secrets-agent cache purge --config agent.yaml
          secrets-agent cache purge --config agent.yaml e-5f0c2d3a
        """)

    @OptionGroup var place: Place

    @Argument(help: "Only this execution, by its id.")
    var execution: String?

    func run() throws {
      let files = try place.files()
      try CacheCommand.reporting { () throws(CacheFault) in
        if let execution {
          guard files.has(execution) else {
            FaultPrinter(format: .text).warning(
              "\(ShownText.clean(files.path)): nothing is kept of execution \(ShownText.clean(execution)); its id is in `cache list`",
              ["class": "cache"])
            return
          }
          try files.remove(execution)
        } else {
          print("\(Count(try files.removeAll(), "file")) removed")
          try tellOfCopies(files)
        }
      }
    }
  }

  /// Hands over what can be used; what cannot is told to standard error.
  ///
  /// - Returns: whether all can be used.
  private static func tellOfEach(in folder: CacheFolder, _ body: (CachedGeneration) -> Void) throws -> Bool {
    var isWhole = true
    try reporting { () throws(CacheFault) in
      try folder.visit { file in
        switch file {
        case .success(let generation): body(generation)
        case .failure(let fault):
          FaultPrinter(format: .text).error(fault.description, ["class": "cache"])
          isWhole = false
        }
      }
      try tellOfCopies(folder.files)
    }
    return isWhole
  }

  private static func tellOfCopies(_ files: CacheFiles) throws(CacheFault) {
    for name in try files.copies() {
      FaultPrinter(format: .text).warning(
        "\(ShownText.clean("\(files.path)/\(name)")): somebody's copy of a sealed file; it is not used, and not removed by purge",
        ["class": "cache"])
    }
  }

  private static func end(_ isWhole: Bool) throws {
    if !isWhole {
      throw ExitStatus.invalidDocument.code
    }
  }

  /// Does `work` where the ends of processes are noticed.
  private static func onLoop<Outcome: Sendable>(
    _ work: @escaping @Sendable (EventLoop) async throws(CacheFault) -> Outcome
  ) throws -> Outcome {
    let loop: EventLoop
    do throws(EventLoopFault) {
      loop = try EventLoop()
    } catch {
      FaultPrinter(format: .text).error("the event loop cannot start: \(error)")
      throw ExitStatus.invalidConfiguration.code
    }
    let outcome = loop.run { () async -> Result<Outcome, CacheFault> in
      do throws(CacheFault) {
        return .success(try await work(loop))
      } catch {
        return .failure(error)
      }
    }
    return try reporting { () throws(CacheFault) in try outcome.get() }
  }

  private static func reporting<Outcome>(_ work: () throws(CacheFault) -> Outcome) throws -> Outcome {
    do throws(CacheFault) {
      return try work()
    } catch {
      FaultPrinter(format: .text).error(error.description, ["class": "cache"])
      throw ExitStatus.invalidConfiguration.code
    }
  }
}

extension CachedValue {
  /// Since it was fetched; `nil` where clock and record are centuries apart. A clock that was set back makes it no younger than new.
  fileprivate func age(at unixTime: Int64) -> GoDuration? {
    let (seconds, isFar) = unixTime.subtractingReportingOverflow(fetchedAtUnix)
    let (nanoseconds, isLong) = max(0, seconds).multipliedReportingOverflow(by: 1_000_000_000)
    return isFar || isLong ? nil : GoDuration(nanoseconds: nanoseconds)
  }
}
