import AgentDaemon
import ArgumentParser
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
        still opens. The daemon takes it at its next start.

        EXAMPLES
          secrets-agent cache init --key-file /etc/secrets-agent/cache.key
        """)

    @Option(help: "The key file.", completion: .file())
    var keyFile = CacheKeys.defaultPath

    @Flag(help: "Add a new key to a file that is there.")
    var rotate = false

    func run() throws {
      try CacheCommand.reporting { () throws(CacheFault) in
        rotate ? try CacheKeys.rotate(at: keyFile) : try CacheKeys.create(at: keyFile)
      }
    }
  }

  struct Place: ParsableArguments {
    @Option(help: "The daemon's configuration, YAML or JSON.", completion: .file())
    var config: String

    func open() throws -> CacheFolder {
      let settings: Daemon.Settings
      do throws(DocumentFaults) {
        settings = try DaemonSettings.load(config)
      } catch {
        for fault in error.faults {
          FaultPrinter(format: .text).error("\(config): \(fault.line)", ["class": "configuration"])
        }
        throw ExitStatus.invalidConfiguration.code
      }
      let configuration = settings.configuration
      return try CacheCommand.reporting { () throws(CacheFault) in
        try CacheFolder(
          configuration.cacheFolder, CacheKeys.load(path: configuration.cache?.keyFile ?? CacheKeys.defaultPath))
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
      try CacheCommand.withKept(in: place.open()) { kept in
        for generation in kept {
          for value in generation.values {
            let age = GoDuration(
              nanoseconds: max(0, Int64(time(nil)) - value.fetchedAtUnix).multipliedReportingOverflow(by: 1_000_000_000)
                .partialValue)
            let version = value.version.map { "version \(ShownText.clean($0)), " } ?? ""
            print(
              "\(ShownText.clean(generation.executionID)) \(ShownText.clean(value.name)): \(version)fetched \(age) ago")
          }
        }
      }
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
      try CacheCommand.withKept(in: place.open()) { kept in
        print("\(Count(kept.count, "execution")) can be started without a network")
      }
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
      let folder = try place.open()
      try CacheCommand.reporting { () throws(CacheFault) in
        if let execution {
          try folder.remove(execution)
        } else {
          print("\(Count(try folder.removeAll(), "file")) removed")
        }
      }
    }
  }

  /// Hands over what can be used; what cannot is told to standard error, and ends the command with 65.
  private static func withKept(in folder: CacheFolder, _ body: ([CachedGeneration]) -> Void) throws {
    var kept: [CachedGeneration] = []
    var isWhole = true
    for file in try reporting({ () throws(CacheFault) in try folder.all() }) {
      switch file {
      case .success(let generation): kept.append(generation)
      case .failure(let fault):
        FaultPrinter(format: .text).error(fault.description, ["class": "cache"])
        isWhole = false
      }
    }
    body(kept)
    if !isWhole {
      throw ExitStatus.invalidDocument.code
    }
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
