import Settings
import Text

/// What the paths of the daemon's sockets must hold to. The start would find it too, by one socket that was made and another that was not.
enum SocketRules {
  /// Longest path that a socket's address holds (unix(7)).
  private static let longest = 107

  /// Each socket has a path of its own.
  static let apart: [SettingRule<AgentConfiguration>] = [
    .check(at: \.credentials) { configuration in
      configuration.credentials.flatMap { clash($0.socket, with: configuration.api.socket, of: "api.socket") }
    },
    .check(at: \.values) { configuration in
      configuration.values.flatMap { values in
        clash(values.socket, with: configuration.api.socket, of: "api.socket")
          ?? configuration.credentials.flatMap { clash(values.socket, with: $0.socket, of: "credentials.socket") }
      }
    },
  ]

  static func fault(_ path: String) -> String? {
    path.utf8.count <= longest
      ? nil : "this cannot be a socket's path; choose one of 1 to \(longest) bytes"
  }

  private static func clash(_ path: String, with other: String, of name: String) -> String? {
    parts(path) == parts(other)
      ? "its socket \(ShownText.clean(path)) is \(name) too; give each a path of its own" : nil
  }

  /// A path by its names: `//` and `/./` change nothing.
  private static func parts(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }
}
