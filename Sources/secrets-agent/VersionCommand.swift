import AgentVersion
import ArgumentParser
import HTTPTransport

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Prints the version, and those of the libraries in use.",
    discussion: """
      EXAMPLES
        secrets-agent version
      """)

  func run() {
    print("secrets-agent \(agentVersion) (\(HTTPClient.libraryVersion))")
  }
}
