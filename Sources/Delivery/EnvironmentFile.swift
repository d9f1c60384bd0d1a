import SecretBytes

/// The text of env files: exactly the given names and values, in the order of their names, without a comment or a date, so that
/// unchanged secrets make an unchanged file.
public enum EnvironmentFile {
  /// The file's text.
  ///
  /// Throws every secret that the format cannot carry, each with the reason and the ways out: `encoding: base64`, the formats
  /// that carry it, or mounted files.
  public static func render(
    _ secrets: [DeliveredSecret], format: EnvironmentFormat
  ) throws(DeliveryFaults) -> SecretBytes {
    var faults = secrets.repeatedNames.map(EnvironmentVariableRules.repeated)
    for secret in secrets {
      if let fault = EnvironmentVariableRules.fault(of: secret) {
        faults.append(fault)
      } else if let obstacle = format.dialect.obstacle(to: secret) {
        faults.append(
          DeliveryFault(
            .secret(secret.name), "format \(format.rawValue) cannot carry the value: \(obstacle)",
            remedy: waysOut(for: secret)))
      }
    }
    if let faults = DeliveryFaults(faults) {
      throw faults
    }
    return format.dialect.write(secrets.sortedByName())
  }

  /// Why no secret of this name can be a variable of the format, and the ways out; `nil` where one can.
  public static func obstacle(toName name: String, format: EnvironmentFormat) -> String? {
    let secret = DeliveredSecret(name: name, value: SecretBytes())
    if let fault = EnvironmentVariableRules.fault(of: secret) {
      return "\(fault.problem); \(fault.remedy)"
    }
    return format.dialect.obstacle(to: secret).map {
      "format \(format.rawValue) cannot carry the name: \($0); use another format, or deliver files only"
    }
  }

  /// What the format's consumer reads from `text`, in the file's order; of a repeated name the last value, as all consumers have it.
  ///
  /// It follows the consumer's grammar, not the narrower writing of ``render(_:format:)``; but what a consumer drops, guesses at
  /// or expands (a line without `=`, a quote never closed, `$NAME`) is a fault here. For ``EnvironmentFormat/dotenv`` its
  /// readers must agree.
  public static func parse(
    _ text: SecretBytes, format: EnvironmentFormat
  ) throws(DeliveryFault) -> [DeliveredSecret] {
    try format.dialect.read(text)
  }

  /// ``render(_:format:)``, read back as the format's consumer reads it and compared before anybody else can read it.
  static func checked(
    _ secrets: [DeliveredSecret], format: EnvironmentFormat, shown: String
  ) throws(DeliveryFaults) -> SecretBytes {
    let text = try render(secrets, format: format)
    do throws(DeliveryFault) {
      guard try parse(text, format: format) == secrets.sortedByName() else {
        throw DeliveryFault(
          .path(shown), "the env file reads back other than it was written",
          remedy: "this is a fault of the agent: please report it; another format may do")
      }
      return text
    } catch {
      throw DeliveryFaults(error)
    }
  }

  private static func waysOut(for secret: DeliveredSecret) -> String {
    let others = EnvironmentFormat.allCases.filter { $0.dialect.obstacle(to: secret) == nil }.map(\.rawValue)
    let formats = others.isEmpty ? "" : "use format \(others.joined(separator: " or ")), "
    return "\(formats)set `encoding: base64`, or deliver it as a file"
  }
}

/// What holds for every variable, in a file or in a child's environment.
enum EnvironmentVariableRules {
  /// The kernel's MAX_ARG_STRLEN: the longest `NAME=value`, with its closing NUL, that execve(2) passes on.
  static let longestVariable = 131_072

  static func fault(of secret: DeliveredSecret) -> DeliveryFault? {
    guard DeliveredSecret.isEnvironmentName(secret.name) else {
      return DeliveryFault(
        .secret(secret.name), "the name cannot be an environment variable",
        remedy:
          "use letters, digits and _ (no digit first, at most \(DeliveredSecret.longestName) bytes), or deliver it as a file"
      )
    }
    guard secret.value.isValidUTF8 else {
      return binary(secret.name, "the value is not UTF-8, which an env file cannot carry")
    }
    return nulFault(of: secret)
  }

  static func nulFault(of secret: DeliveredSecret) -> DeliveryFault? {
    secret.value.contains(0) ? binary(secret.name, "the value holds a NUL byte, which no environment can carry") : nil
  }

  static func repeated(_ name: String) -> DeliveryFault {
    DeliveryFault(.secret(name), "the name is given more than once", remedy: "rename one of them")
  }

  static func isTooLong(_ secret: DeliveredSecret) -> Bool {
    secret.name.utf8.count + secret.value.count + 2 > longestVariable
  }

  private static func binary(_ name: String, _ problem: String) -> DeliveryFault {
    DeliveryFault(.secret(name), problem, remedy: "set `encoding: base64`, or deliver it as a file")
  }
}
