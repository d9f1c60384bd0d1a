import ExecutionModel
import JSONReader
import SecretBytes
import Testing
import Text

/// Text and what Go's `time.ParseDuration` makes of it; among them the cases of Go's own tests.
private let durations: [(text: String, nanoseconds: Int64)] = [
  ("0", 0), ("+0", 0), ("-0", 0), ("0s", 0), ("-0s", 0), ("-0h0m", 0), ("0ns", 0),
  // Each unit.
  ("10ns", 10), ("11us", 11_000), ("12µs", 12_000), ("12\u{3bc}s", 12_000), ("13ms", 13_000_000),
  ("14s", 14_000_000_000), ("15m", 900_000_000_000), ("16h", 57_600_000_000_000),
  ("5s", 5_000_000_000), ("+5s", 5_000_000_000), ("1478s", 1_478_000_000_000), ("90s", 90_000_000_000),
  // Several, in whatever order.
  ("3h30m", 12_600_000_000_000), ("1h30m", 5_400_000_000_000), ("10.5s4m", 250_500_000_000),
  ("1h2m3s4ms5us6ns", 3_723_004_005_006), ("39h9m14.425s", 140_954_425_000_000), ("1s1s", 2_000_000_000),
  // Fractions.
  ("5.0s", 5_000_000_000), ("5.6s", 5_600_000_000), ("5.s", 5_000_000_000), (".5s", 500_000_000),
  ("1.s1.s", 2_000_000_000), ("1.00s", 1_000_000_000), ("1.004s", 1_004_000_000), ("1.0040s", 1_004_000_000),
  ("100.00100s", 100_001_000_000), ("1.1s", 1_100_000_000), ("0.1h", 360_000_000_000), ("1.5h", 5_400_000_000_000),
  (".5ms", 500_000), ("0.29s", 290_000_000), ("0.57s", 570_000_000), ("4.35s", 4_350_000_000),
  ("1.005s", 1_005_000_000), ("8.2ms", 8_200_000), ("2.3us", 2_300), ("0.7m", 42_000_000_000),
  ("1.15h", 4_140_000_000_000), ("0.000000001s", 1),
  // Where the order of Go's floating-point steps decides, the last one against the exact product.
  ("0.0157s", 15_700_000), ("0.57m", 34_200_000_000), ("0.29h", 1_044_000_000_000),
  ("0.21314469621h", 767_320_906_356), ("0.97788577812000h", 3_520_388_801_231),
  // What is left of a nanosecond is dropped.
  ("1.0000000001s", 1_000_000_000), ("0.0000000009s", 0), ("1.9ns", 1),
  // More digits than 64 bits hold.
  ("0.3333333333333333333h", 1_200_000_000_000), ("0.100000000000000000000h", 360_000_000_000),
  ("0.830103483285477580700h", 2_988_372_539_827),
  // More than a Double holds.
  ("52763797000ns", 52_763_797_000), ("9007199254740993ns", 9_007_199_254_740_993),
  ("9007199254.740993ms", 9_007_199_254_740_993), ("9223372036854775807ns", .max), ("9223372036854775.807us", .max),
  ("9223372036s854ms775us807ns", .max), ("2562047h47m16.854775807s", .max),
]

/// Refuses nothing as too short, so that the document's own value is seen.
private let anyInterval = ValidationContext(minRefresh: GoDuration(nanoseconds: 1))

private func entry(_ refresh: JSONTree) -> SchemaDocument {
  SchemaTable.minimal(SchemaTable.file).with(.entry, "refresh", refresh)
}

@Test(arguments: durations)
func aDurationComesToTheNanosecondsThatGoGives(_ text: String, _ nanoseconds: Int64) throws {
  #expect(try GoDuration(parsing: text).nanoseconds == nanoseconds)
  for layout in SchemaLayout.allCases {
    let validation = try entry(.string(text)).examined(layout, anyInterval)
    #expect(validation.faults == [])
    // Zero is the provider's default.
    #expect(validation.execution.secrets.map { $0.refresh?.nanoseconds ?? 0 } == [nanoseconds])
  }
}

@Test(arguments: [1, 999, 999_999_999, 60_000_000_000, 9_007_199_254_740_993, Int64.max - 1, .max])
func anIntegerIsExactToTheNanosecond(_ nanoseconds: Int64) throws {
  for layout in SchemaLayout.allCases {
    let validation = try entry(.number(nanoseconds)).examined(layout, anyInterval)
    #expect(validation.isValid)
    #expect(validation.execution.secrets.first?.refresh?.nanoseconds == nanoseconds)
  }
}

@Test(arguments: [
  "9223372036854775808ns", "9223372036854775810ns", "9223372036854776us", "9223372036854775.808us",
  "9223372036854ms775us808ns", "9223372037s", "153722868m", "2562048h", "3000000h", "99999999999999999999h",
])
func whatNoInt64HoldsIsTooLong(_ text: String) throws {
  #expect(throws: GoDuration.ParseFault.tooLong) { try GoDuration(parsing: text) }
  try expectOneError(.string(text))
}

@Test(arguments: ["-1ns", "-5s", "-1h30m", "-.5s", "-9223372036854775808ns"])
func whatIsNegativeIsAnError(_ text: String) throws {
  #expect(throws: GoDuration.ParseFault.negative) { try GoDuration(parsing: text) }
  try expectOneError(.string(text))
}

@Test(arguments: [
  "3", "-", "+", "s", ".", "-.", ".s", "+.s", "1d", "hello", "1e3s", "1_000s", " 5s", "5s ", "5 s", "1h-3m", "1..5s",
  "--5s", "+-5s", "５s", "5S", "5sec", "5s0", "0x5s", "5s\u{0}",
])
func whatGoDoesNotReadIsAnError(_ text: String) throws {
  #expect(throws: GoDuration.ParseFault.self) { try GoDuration(parsing: text) }
  try expectOneError(.string(text))
}

@Test(arguments: [-1, Int64.min] as [Int64])
func aNegativeIntegerIsAnError(_ nanoseconds: Int64) throws {
  try expectOneError(.number(nanoseconds))
}

/// Numbers that are no int64: the page's own greatest "possible value", which a browser has rounded, among them.
@Test(arguments: [
  "9223372036854775808", "9223372036854776000", "99999999999999999999", "1.5", "1e400", "60000000000.5",
])
func aNumberThatIsNoInt64IsAnError(_ number: String) throws {
  for text in [
    #"{"secret_providers": {"p": {"provider": "file"}}, "secrets": {"S": {"from": "p", "path": "/x", "refresh": N}}}"#,
    "secret_providers:\n  p:\n    provider: file\nsecrets:\n  S:\n    from: p\n    path: /x\n    refresh: N\n",
  ] {
    let halves = text.split(separator: "N", maxSplits: 1, omittingEmptySubsequences: false)
    let lines = faults(halves.joined(separator: number))
    #expect(lines.count == 1)
    #expect(lines.first?.hasPrefix("secrets.S.refresh: ") == true)
    #expect(throws: DocumentFaults.self) { try execution(halves.joined(separator: number)) }
  }
}

private func expectOneError(_ value: JSONTree, sourceLocation: SourceLocation = #_sourceLocation) throws {
  for layout in SchemaLayout.allCases {
    let faults = try entry(value).examined(layout, anyInterval).faults
    #expect(faults.map(\.path) == ["secrets.S.refresh"], sourceLocation: sourceLocation)
    #expect(faults.map(\.severity) == [.error], sourceLocation: sourceLocation)
    #expect(faults.first?.position != nil, sourceLocation: sourceLocation)
  }
}

// MARK: - The node's shortest

@Test(arguments: SchemaTable.types)
func anIntervalBelowMinRefreshIsRaisedAndBothAreSaid(_ type: String) throws {
  let context = ValidationContext(minRefresh: GoDuration(nanoseconds: 30_000_000_000))
  for value in ["10s", 10_000_000_000] as [JSONTree] {
    for layout in SchemaLayout.allCases {
      let validation = try SchemaTable.minimal(type).with(.entry, "refresh", value).examined(layout, context)
      #expect(validation.faults.map(\.path) == ["secrets.S.refresh"])
      #expect(validation.faults.map(\.severity) == [.warning])
      #expect(validation.faults.first?.message.contains("10s") == true)
      #expect(validation.faults.first?.message.contains("30s") == true)
      #expect(validation.execution.secrets.first?.refresh?.nanoseconds == 30_000_000_000)
    }
  }
  for nanoseconds in [30_000_000_000, 30_000_000_001] as [Int64] {
    let validation = try SchemaTable.minimal(type).with(.entry, "refresh", .number(nanoseconds)).examined(
      .json, context)
    #expect(validation.faults == [])
    #expect(validation.execution.secrets.first?.refresh?.nanoseconds == nanoseconds)
  }
}

@Test func theShortestIsASecondWhereTheNodeSaysNothing() throws {
  for layout in SchemaLayout.allCases {
    let validation = try entry("999999999ns").examined(layout)
    #expect(validation.faults.map(\.severity) == [.warning])
    #expect(validation.execution.secrets.first?.refresh?.nanoseconds == 1_000_000_000)
    #expect(try entry("1s").examined(layout).faults == [])
    #expect(try entry(1_000_000_000).examined(layout).faults == [])
  }
}

@Test(arguments: [1, 30, 3600, 999_999_999] as [Int64])
func anIntegerBelowASecondIsToldThatTheUnitIsNanoseconds(_ number: Int64) throws {
  for context in [anyInterval, ValidationContext()] {
    for layout in SchemaLayout.allCases {
      let validation = try entry(.number(number)).examined(layout, context)
      #expect(validation.faults.map(\.path) == ["secrets.S.refresh"])
      #expect(validation.faults.map(\.severity) == [.warning])
      #expect(validation.faults.first?.message.contains("nanosecond") == true)
    }
  }
}

@Test func zeroIsTheProvidersDefaultHoweverItIsWritten() throws {
  for layout in SchemaLayout.allCases {
    for zero in [0, "0", "0s", "-0s", "", .null] as [JSONTree] {
      let validation = try entry(zero).examined(layout)
      #expect(validation.faults == [])
      #expect(validation.execution.secrets.map(\.refresh) == [nil])
    }
  }
}
