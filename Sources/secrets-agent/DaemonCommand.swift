import AgentDaemon
import AgentVersion
import ArgumentParser
import CLinux
import EventLoop
import ExecutionModel
import Files
import Glibc
import Logging
import NodePolicy
import SecretBytes

struct DaemonCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "daemon", abstract: "Follows executions and keeps their secrets fresh until it is stopped.",
    discussion: """
      SIGTERM ends it within 5 seconds, SIGHUP reads configuration and policy anew, SIGUSR1 logs how every execution stands. \
      config/agent.yaml explains every setting; `secrets-agent check --config FILE` checks one.

      EXAMPLES
        secrets-agent daemon --config /etc/secrets-agent/agent.yaml
        secrets-agent daemon --config agent.yaml --log-level debug --log-format json
      """)

  @Option(help: "The daemon's configuration, YAML or JSON.", completion: .file())
  var config: String

  @Option(help: "How much to log to standard error.")
  var logLevel: LogLevelArgument = .notice

  @Option(help: "How lines on standard error are written: text or json.")
  var logFormat: LogFormat = .text

  func run() throws {
    let faults = FaultPrinter(format: logFormat)
    let handler = LineLogHandler(logLevel: logLevel.level, format: logFormat)
    let log = Logger(label: "secrets-agent") { _ in handler }
    let settings: Daemon.Settings
    do throws(DocumentFaults) {
      settings = try DaemonSettings.load(config)
    } catch {
      for fault in error.faults {
        faults.error("\(config): \(fault.line)", ["class": "configuration"])
      }
      throw ExitStatus.invalidConfiguration.code
    }
    ProcessHygiene.apply(log)
    // Each call under way takes one; the loop shares them out.
    linux_raise_descriptor_limit(8192)
    let loop: EventLoop
    do throws(EventLoopFault) {
      loop = try EventLoop()
    } catch {
      faults.error("the event loop cannot start: \(error)")
      throw ExitStatus.unavailable.code
    }
    let config = config
    let daemon = Daemon(
      settings: settings, registry: registry, loop: loop, log: log, version: agentVersion, hidden: StandardError.hidden,
      reload: { () throws(DocumentFaults) in try DaemonSettings.reload(config) })
    let fault = loop.run { () async -> DaemonFault? in
      do throws(DaemonFault) {
        try await daemon.run()
        return nil
      } catch {
        return error
      }
    }
    if let fault {
      faults.error(fault.description, ["class": fault.kind.name])
      throw fault.kind.status.code
    }
  }
}

extension DaemonFault.Kind {
  fileprivate var name: String {
    switch self {
    case .isTaken: "unavailable"
    case .isUnwritable: "output"
    case .isConfiguration: "configuration"
    }
  }

  /// A service manager starts the daemon again after all of them but ``isConfiguration``.
  fileprivate var status: ExitStatus {
    switch self {
    case .isTaken: .unavailable
    case .isUnwritable: .cannotCreate
    case .isConfiguration: .invalidConfiguration
    }
  }
}

/// Reads the daemon's configuration and the policy that it names.
enum DaemonSettings {
  static func load(_ path: String) throws(DocumentFaults) -> Daemon.Settings {
    let bytes = try read(path)
    let configuration: AgentConfiguration
    do throws(DocumentFaults) {
      configuration = try ConfigurationFile.parse(bytes)
    } catch {
      // One pass tells of both files.
      throw DocumentFaults(error.faults + faults(ofPolicy: ConfigurationFile.policy(namedIn: bytes)))
    }
    return Daemon.Settings(configuration: configuration, policy: try policy(configuration.policy))
  }

  /// The same for a daemon at work, whose faults are read where nobody sees which file it has.
  static func reload(_ path: String) throws(DocumentFaults) -> Daemon.Settings {
    do throws(DocumentFaults) {
      return try load(path)
    } catch {
      throw DocumentFaults(error.faults.map { DocumentFault("", "\(path): \($0.line)") })
    }
  }

  private static func policy(_ path: String?) throws(DocumentFaults) -> NodePolicy {
    guard let path else {
      return .strict
    }
    do throws(DocumentFaults) {
      return try PolicyFile.parse(try read(path), over: .strict, origin: path)
    } catch {
      throw DocumentFaults(error.faults.map { DocumentFault("policy", "\(path): \($0.line)") })
    }
  }

  private static func faults(ofPolicy path: String?) -> [DocumentFault] {
    do throws(DocumentFaults) {
      _ = try policy(path)
      return []
    } catch {
      return error.faults
    }
  }

  private static func read(_ path: String) throws(DocumentFaults) -> SecretBytes {
    do throws(WholeFile.Fault) {
      return try WholeFile.read(path, limit: 1024 * 1024)
    } catch .failed("open", let code) {
      throw DocumentFaults([DocumentFault("", "cannot be read: \(String(cString: strerror(code)))")])
    } catch {
      throw DocumentFaults([DocumentFault("", "cannot be read, or is larger than 1 MiB")])
    }
  }
}
