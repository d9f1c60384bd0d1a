import Testing
import Text

@Suite struct CivilTimeTests {
  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("2015-08-30T12:36:00Z", 1_440_938_160),
      ("2015-08-30T14:36:00.123+02:00", 1_440_938_160), ("2015-08-30T04:36:00-0800", 1_440_938_160),
      ("2000-02-29T23:59:60Z", 951_868_800), ("2024-02-29T23:59:60Z", 1_709_251_200), ("2015-08-30", nil),
      ("2015-13-30T12:36:00Z", nil), ("9999-12-31T23:59:59Z", 253_402_300_799), ("2015-08-30T12:36:00", nil),
      ("2015-08-30T12:36:00Zx", nil), ("99999-08-30T12:36:00Z", nil), ("-015-08-30T12:36:00Z", nil), ("", nil),
      ("+2015-8-30T12:36:00Z", nil), ("２０１５-08-30T12:36:00Z", nil), ("2026-01-02T03:04:05Z", 1_767_323_045),
      ("2026-01-02T03:04:05.678901234Z", 1_767_323_045), ("2026-01-02T04:04:05+01:00", 1_767_323_045),
      ("2026-01-01T22:04:05-05:00", 1_767_323_045), ("0000-03-01T00:00:00Z", -62_162_035_200),
      ("2026-01-02t03:04:05z", 1_767_323_045), ("9999-12-31T23:59:59-01:00", nil), ("0000-01-01T00:00:00+01:00", nil),
    ] as [(String, Int64?)])
  func datesAreRead(_ text: String, _ expected: Int64?) {
    #expect(CivilTime(internetText: text)?.unixTime == expected)
  }

  @Test(arguments: [
    "", "Z", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z", "2026-01-32T03:04:05Z",
    "2026-01-02T24:04:05Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+1:00", "2026-01-02T03:04:05Zjunk",
    "٢٠٢٦-01-02T03:04:05Z", "2026-01-02T03:04:05.\(String(repeating: "1", count: 100))Z", "+026-01-02T03:04:05Z",
  ])
  func whatIsNoDateIsNone(_ text: String) {
    #expect(CivilTime(internetText: text) == nil)
  }

  @Test(
    arguments: [
      ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
      ("Sun, 06 Nov 1994", nil), ("Sunday, 06-Nov-94 08:49:37 GMT", nil), ("Sun, 06 Nov 1994 08:49:37 UTC", nil),
      ("Sun, 6 Nov 1994 08:49:37 GMT", nil), ("Sun, 06 Nov 1994 24:49:37 GMT", nil), ("", nil), (" ", nil),
      ("Sun, 06 Nov 1994 08:49:37 GMT ", nil),
    ] as [(String, Int64?)])
  func datesOfHTTPAreRead(_ text: String, _ expected: Int64?) {
    #expect(CivilTime(httpText: text)?.unixTime == expected)
  }

  @Test(arguments: [
    (0, "19700101T000000Z"), (1_440_938_160, "20150830T123600Z"), (951_826_799, "20000229T121959Z"),
    (4_107_542_400, "21000301T000000Z"), (253_402_300_799, "99991231T235959Z"),
  ])
  func signaturesHaveTheDateInUTC(_ seconds: Int64, _ expected: String) {
    #expect(CivilTime(unixTime: seconds).compactText == expected)
  }

  @Test(arguments: [(0, "1970-01-01T00:00:00Z"), (1_709_164_800, "2024-02-29T00:00:00Z"), (-1, "1969-12-31T23:59:59Z")])
  func timesAreInUTC(_ unix: Int64, _ text: String) {
    #expect(CivilTime(unixTime: unix).internetText == text)
    #expect(CivilTime(internetText: text)?.unixTime == unix)
  }

  @Test func theYearHasFourDigits() {
    #expect(CivilTime(unixTime: .max).compactText == "99991231T235959Z")
    #expect(CivilTime(unixTime: .min).internetText == "0000-01-01T00:00:00Z")
  }
}
