import Glibc
import SecretBytes

/// Which files a command's name stands for, in the order in which execvp(3) tries them.
enum CommandLookup {
  /// What execvp(3) takes where PATH is not set.
  static let defaultPath = "/bin:/usr/bin"

  /// The command itself where it holds a slash, else its name in each folder of the environment's PATH; an empty part is
  /// the working folder.
  static func candidates(for command: String, _ environment: ProcessEnvironment) -> [String] {
    guard !command.isEmpty, !command.utf8.contains(UInt8(ascii: "/")) else {
      return command.isEmpty ? [] : [command]
    }
    let path = environment["PATH"].flatMap { $0.unsafeString() } ?? defaultPath
    return path.split(separator: ":", omittingEmptySubsequences: false).map { folder in
      folder.isEmpty ? "./" + command : "\(folder)/\(command)"
    }
  }
}
