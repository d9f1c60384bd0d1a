import SecretBytes

/// The dialects of env files, each named by who reads it. All are UTF-8, carry no NUL, and hold one variable a secret.
///
/// | format | reader | what it cannot carry besides |
/// | --- | --- | --- |
/// | ``dotenv`` | python-dotenv (interpolating, as it does by default), the dotenv npm package and `node --env-file`, alike | `${…}`, carriage returns, and mixtures of quotes, backslashes, `#` and line breaks for which the three know no common spelling |
/// | ``compose`` | Docker Compose's `env_file:` and `.env` | a variable over 128 KiB |
/// | ``docker`` | `docker run --env-file` | a newline, a carriage return at the end, a line over 65,535 bytes |
/// | ``systemd`` | `EnvironmentFile=` of a unit | Unicode noncharacters, a variable over 128 KiB |
/// | ``shell`` | `set -a; . FILE` in dash, bash and other POSIX shells | names that a shell keeps for itself, a variable over 128 KiB |
/// | ``json`` | any JSON parser: one object, name to string | – |
public enum EnvironmentFormat: String, CaseIterable, Sendable {
  case dotenv, compose, docker, systemd, shell, json

  var dialect: any EnvironmentDialect.Type {
    switch self {
    case .dotenv: DotenvDialect.self
    case .compose: ComposeDialect.self
    case .docker: DockerDialect.self
    case .systemd: SystemdDialect.self
    case .shell: ShellDialect.self
    case .json: JSONDialect.self
    }
  }
}

/// How one format is written, and how its consumer reads it. The two halves share no code: what reads is the check on what writes.
protocol EnvironmentDialect {
  /// Why the format cannot carry `secret` (whose name is valid, whose value is UTF-8 without NUL); `nil` where it can.
  static func obstacle(to secret: DeliveredSecret) -> String?

  /// The file's text. Every one of `secrets` can be carried.
  static func write(_ secrets: [DeliveredSecret]) -> SecretBytes

  /// What the consumer makes of `text`, in the file's order. A line that the consumer drops, guesses at or complains of is a fault.
  static func read(_ text: SecretBytes) throws(DeliveryFault) -> [DeliveredSecret]
}

extension EnvironmentDialect {
  /// A line `NAME=…` for each of `secrets`, whose value `append` writes in the dialect's own way.
  static func assignments(
    _ secrets: [DeliveredSecret], _ append: (UnsafeRawBufferPointer, inout SecretBuffer) -> Void
  ) -> SecretBytes {
    var text = SecretBuffer()
    for secret in secrets {
      text.append(secret.name)
      text.append(UInt8(ascii: "="))
      secret.value.withUnsafeBytes { append($0, &text) }
      text.append(UInt8(ascii: "\n"))
    }
    return text.finish()
  }
}
