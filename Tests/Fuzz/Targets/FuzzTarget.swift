import SecretBytes

/// One parser of bytes that strangers send, as the fuzzer and the tests drive it.
protocol FuzzTarget: Sendable {
  /// The folder of its corpus, and what `scripts/fuzz` knows it by.
  static var name: String { get }

  init() throws

  /// Reads `input`, whatever it is: it never traps.
  ///
  /// - Returns: whether the parser takes it.
  /// - Throws: where what the parser gives does not hold together.
  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool
}

/// What should hold for every input, and did not for one.
struct BrokenProperty: Error, CustomStringConvertible {
  let description: String
}

func hold(_ condition: Bool, _ property: @autoclosure () -> String) throws(BrokenProperty) {
  guard condition else {
    throw BrokenProperty(description: property())
  }
}

enum FuzzTargets {
  static let all: [any FuzzTarget.Type] = [
    JSONTarget.self, YAMLTarget.self, StoredValueTarget.self, DocumentTarget.self, PageTarget.self, PolicyTarget.self,
    ConfigurationTarget.self, DurationTarget.self, DateTarget.self, AddressTarget.self, SharedFileTarget.self,
    CommandLineTarget.self, XMLTarget.self, TokenAnswerTarget.self, GoogleCredentialTarget.self, ChallengeTarget.self,
    RequestTarget.self, EnvironmentFileTarget.self, CacheFileTarget.self, CacheTextTarget.self, CacheKeyTarget.self,
  ]
}

extension SecretBytes {
  /// How many lines there are at most, by whatever ends one.
  var mostLines: Int { withUnsafeBytes { bytes in bytes.count { $0 == 0x0a || $0 == 0x0d } } + 1 }
}
