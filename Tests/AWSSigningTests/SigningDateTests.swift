import Testing

@testable import AWSSigning

@Suite struct SigningDateTests {
  @Test(arguments: [
    (0, "19700101T000000Z"), (1_440_938_160, "20150830T123600Z"), (951_826_799, "20000229T121959Z"),
    (4_107_542_400, "21000301T000000Z"), (253_402_300_799, "99991231T235959Z"),
  ])
  func writesTheDateInUTC(seconds: Int64, expected: String) {
    #expect(SigningDate(wallSeconds: seconds).text == expected)
  }

  @Test func staysWithinFourDigitYears() {
    #expect(SigningDate(wallSeconds: .min).text == "19700101T000000Z")
    #expect(SigningDate(wallSeconds: .max).text == "99991231T235959Z")
  }
}
