import ArgumentParser
import EventLoop
import HTTPTransport
import Text

struct ReloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Has the running daemon read its configuration and policy anew, and waits until it has.",
    discussion: """
      SIGHUP does the same, and waits for nothing. A faulty file changes nothing: its faults are printed, and the status is 78. \
      Sockets, who may use them, the state folder and the cache wait for a restart, which is warned of.

      EXAMPLES
        secrets-agent reload
        ExecReload=/usr/bin/secrets-agent reload      in a unit of systemd
      """)

  @OptionGroup var daemon: DaemonOptions

  func run() throws {
    let daemon = daemon
    if let failure = try DaemonOptions.onLoop({ loop in await daemon.reload(on: loop) }) {
      throw failure
    }
  }
}

extension DaemonOptions {
  /// A reload waits for those before it, and for connections of the old settings to end.
  private static let reloadTime = Duration.seconds(60)

  /// - Returns: the exit status where the new files do not hold, after their faults were printed.
  fileprivate func reload(on loop: EventLoop) async -> ExitCode? {
    let fault: LocalAPIFault
    switch await exchange(.post, ["v1", "reload"], timeout: Self.reloadTime, on: loop) {
    case .failure(let silence): fault = silence
    case .success(let response) where response.status == 200:
      // The first line says that it was done.
      for line in Self.lines(response).dropFirst() {
        faults.warning(line, ["class": "configuration"])
      }
      return nil
    case .success(let response) where response.status == 422:
      for line in Self.lines(response) {
        faults.error(line, ["class": "configuration"])
      }
      return ExitStatus.invalidConfiguration.code
    case .success(let response): fault = Self.refusal(response)
    }
    faults.error(fault)
    return fault.status.code
  }

  private static func lines(_ response: HTTPResponse) -> [String] {
    (response.body.unsafeString()?.split(separator: "\n") ?? []).map { ShownText.clean(String($0), atMost: 2000) }
  }
}
