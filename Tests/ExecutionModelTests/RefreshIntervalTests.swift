import ExecutionModel
import Testing
import Text

@Test(arguments: [
  ("90s", 90_000_000_000), ("30m", 1_800_000_000_000), ("1h30m", 5_400_000_000_000), ("500ms", 500_000_000), ("0", 0),
  ("1.5h", 5_400_000_000_000), ("+5s", 5_000_000_000), ("7us", 7000), ("7µs", 7000), ("3ns", 3), (".5s", 500_000_000),
  ("1.s", 1_000_000_000), ("1h1m1s1ms1us1ns", 3_661_001_001_001), ("9223372036854775807ns", .max),
])
func aDurationReadsAsGoReadsIt(_ text: String, _ nanoseconds: Int64) throws {
  #expect(try GoDuration(parsing: text).nanoseconds == nanoseconds)
}

@Test(arguments: [
  ("", GoDuration.ParseFault.empty), ("-5s", .negative), ("5", .malformed), ("s", .malformed), ("5 s", .malformed),
  ("5d", .malformed), ("1h-3m", .malformed), (".s", .malformed), ("9223372036854775808ns", .tooLong),
  ("99999999999999999999h", .tooLong), ("3000000h", .tooLong), ("1..5s", .malformed), ("+", .empty),
])
func aMalformedDurationIsAFaultNotACrash(_ text: String, _ fault: GoDuration.ParseFault) {
  #expect(throws: fault) { try GoDuration(parsing: text) }
}

@Test func aDurationPrintsShort() {
  #expect(GoDuration(nanoseconds: 5_400_000_000_000).description == "1h30m")
  #expect(GoDuration(nanoseconds: 0).description == "0s")
  #expect(GoDuration(nanoseconds: 1_500_000_000).description == "1s500ms")
}

@Test func entriesTakeIntegersAsNanosecondsAndZeroAsTheDefault() throws {
  func refresh(_ value: String) throws -> Double? {
    try execution(spec(secrets: #""A": {"from": "f", "path": "/x", "refresh": \#(value)}"#)).secrets.first?.refresh?
      .seconds
  }
  #expect(try refresh("60000000000") == 60)
  #expect(try refresh("\"1m\"") == 60)
  #expect(try refresh("0") == nil)
  #expect(try refresh("null") == nil)
  for bad in ["1.5", "-1", "\"soon\"", "true", "1e400", "99999999999999999999"] {
    #expect(faults(spec(secrets: #""A": {"from": "f", "path": "/x", "refresh": \#(bad)}"#)).count == 1)
  }
}
