import ArgumentParser
import Text

/// What is wrong with a command line, beyond what the parser tells by itself.
enum UsageFault {
  /// Says it as the parser would, with the command's own usage.
  static func report(_ message: String, in command: any ParsableCommand.Type) -> ExitCode {
    let whole = (names(of: command, below: SecretsAgent.self) ?? [command._commandName]).joined(separator: " ")
    StandardError.write(
      """
      Error: \(message)
      Usage: \(SecretsAgent.usageString(for: command))
        See '\(whole) --help' for more information.

      """)
    return ExitStatus.usage.code
  }

  /// What is typed for `command`, as `secrets-agent init vault`.
  private static func names(
    of command: any ParsableCommand.Type, below root: any ParsableCommand.Type
  ) -> [String]? {
    guard root != command else {
      return [root._commandName]
    }
    return root.configuration.subcommands.lazy.compactMap { names(of: command, below: $0) }.first
      .map { [root._commandName] + $0 }
  }

  /// A first word that is no command, with the one that was likely meant; the parser would call all words unexpected.
  static func unknownCommand(_ arguments: some Sequence<String>) -> ExitCode? {
    let names = SecretsAgent.configuration.subcommands.map { $0._commandName }
    guard let word = arguments.first(where: { _ in true }), !word.hasPrefix("-"), !(names + ["help"]).contains(word)
    else {
      return nil
    }
    let hint = NearestName.suggestion(for: word, among: names).map { "did you mean \"\($0)\"?" }
    return report(
      "there is no command \"\(ShownText.clean(word))\"; \(hint ?? "there are: \(names.joined(separator: ", "))")",
      in: SecretsAgent.self)
  }
}
