import Processes

extension ProcessEnvironment {
  /// Sets all of `secrets`; they win over what is set already. Throws every one whose name or value no environment can
  /// carry (unlike an env file, an environment may hold bytes that are not UTF-8).
  public mutating func add(_ secrets: [DeliveredSecret]) throws(DeliveryFaults) {
    var faults = secrets.repeatedNames.map(EnvironmentVariableRules.repeated)
    faults += secrets.compactMap(Self.fault)
    if let faults = DeliveryFaults(faults) {
      throw faults
    }
    set(secrets.map { ($0.name, $0.value) })
  }

  private static func fault(of secret: DeliveredSecret) -> DeliveryFault? {
    guard DeliveredSecret.isEnvironmentName(secret.name) else {
      return EnvironmentVariableRules.fault(of: secret)
    }
    if EnvironmentVariableRules.isTooLong(secret) {
      return DeliveryFault(
        .secret(secret.name), "the value is longer than the kernel passes to a program (128 KiB)",
        remedy: "deliver it as a file")
    }
    return EnvironmentVariableRules.nulFault(of: secret)
  }
}
