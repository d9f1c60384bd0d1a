import SecretBytes

/// `set -a; . FILE` in a POSIX shell (POSIX, Shell Command Language, 2.2 Quoting and 2.10 grammar).
enum ShellDialect: EnvironmentDialect {
  static func obstacle(to secret: DeliveredSecret) -> String? {
    if ownNames.contains(secret.name) {
      return "shells keep the variable \(secret.name) for themselves"
    }
    if EnvironmentVariableRules.isTooLong(secret) {
      return "it is longer than the kernel passes to a program (128 KiB)"
    }
    return nil
  }

  static func write(_ secrets: [DeliveredSecret]) -> SecretBytes {
    QuotedPieces.write(secrets)
  }

  /// Reads lines of one assignment each, of literal, quoted and escaped text; what the shell would run or expand is a fault.
  static func read(_ text: SecretBytes) throws(DeliveryFault) -> [DeliveredSecret] {
    try text.withUnsafeBytes { (bytes) throws(DeliveryFault) in
      var cursor = ByteCursor(bytes)
      guard !bytes.contains(0) else {
        throw fault(cursor, "less than is there: NUL bytes are dropped")
      }
      var variables = ReadVariables()
      while let byte = cursor.peek() {
        switch byte {
        case UInt8(ascii: "\n"), UInt8(ascii: " "), UInt8(ascii: "\t"):
          cursor.offset += 1
        case UInt8(ascii: "#"):
          cursor.skip { $0 != UInt8(ascii: "\n") }
        default:
          let start = cursor.offset
          cursor.skip { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "\n") }
          guard let name = cursor.name(start, cursor.offset), cursor.skip(UInt8(ascii: "=")) else {
            throw fault(cursor, "a command, not an assignment")
          }
          variables.add(name, try word(&cursor))
        }
      }
      return variables.inFileOrder()
    }
  }

  /// Variables that bash (5.2) or dash (0.5.12) set, read or lock themselves; others lose what is assigned to them.
  private static let ownNames: Set<String> = [
    "_", "BASHOPTS", "BASHPID", "BASH_ALIASES", "BASH_ARGC", "BASH_ARGV", "BASH_ARGV0", "BASH_CMDS", "BASH_COMMAND",
    "BASH_LINENO", "BASH_SOURCE", "BASH_SUBSHELL", "BASH_VERSINFO", "COMP_WORDBREAKS", "DIRSTACK", "EPOCHREALTIME",
    "EPOCHSECONDS", "EUID", "FUNCNAME", "GROUPS", "HISTCMD", "LINENO", "OPTIND", "PIPESTATUS", "PPID", "RANDOM",
    "SECONDS",
    "SHELLOPTS", "SHLVL", "SRANDOM", "UID",
  ]

  private static func word(_ cursor: inout ByteCursor) throws(DeliveryFault) -> SecretBytes {
    var value = SecretBuffer()
    while let byte = cursor.next() {
      switch byte {
      case UInt8(ascii: "\n"):
        return value.finish()
      case UInt8(ascii: "'"):
        try singleQuoted(&cursor, into: &value)
      case UInt8(ascii: "\""):
        try doubleQuoted(&cursor, into: &value)
      case UInt8(ascii: "\\"):
        guard let escaped = cursor.next() else {
          throw fault(cursor, "a backslash at the end")
        }
        if escaped != UInt8(ascii: "\n") {
          value.append(escaped)
        }
      case _ where isSpecial(byte):
        throw fault(cursor, "text outside quotes that the shell would act on")
      default:
        value.append(byte)
      }
    }
    return value.finish()
  }

  private static func singleQuoted(_ cursor: inout ByteCursor, into value: inout SecretBuffer) throws(DeliveryFault) {
    while let byte = cursor.next() {
      if byte == UInt8(ascii: "'") {
        return
      }
      value.append(byte)
    }
    throw fault(cursor, "a quote that is never closed")
  }

  private static func doubleQuoted(_ cursor: inout ByteCursor, into value: inout SecretBuffer) throws(DeliveryFault) {
    while let byte = cursor.next() {
      switch byte {
      case UInt8(ascii: "\""):
        return
      case UInt8(ascii: "$"), UInt8(ascii: "`"):
        throw fault(cursor, "an expansion")
      case UInt8(ascii: "\\"):
        switch cursor.peek() {
        case UInt8(ascii: "\n"):
          cursor.offset += 1
        case UInt8(ascii: "$"), UInt8(ascii: "`"), UInt8(ascii: "\""), UInt8(ascii: "\\"):
          value.append(cursor.next() ?? byte)
        default:
          value.append(byte)
        }
      default:
        value.append(byte)
      }
    }
    throw fault(cursor, "a quote that is never closed")
  }

  /// Bytes that mean something to the shell outside quotes; `~` does so only at the start of a word or after `:`, but is held so here.
  private static func isSpecial(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "$"), UInt8(ascii: "`"), UInt8(ascii: "&"),
      UInt8(ascii: "|"),
      UInt8(ascii: ";"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "~"):
      true
    default: false
    }
  }

  private static func fault(_ cursor: ByteCursor, _ problem: String) -> DeliveryFault {
    DeliveryFault(.line(cursor.line), "a shell would read \(problem)", remedy: "write the file anew")
  }
}
