import ProviderKit
import Testing

@Suite struct FailureGroupTests {
  private func failed(_ name: String, _ message: String, at reference: String? = nil, status: Int? = nil)
    -> FailureGroup<String>.Member
  {
    (name, ProviderFailure(.transient, connection: "vault", reference: reference, status: status, message))
  }

  private func lines(_ failures: [FailureGroup<String>.Member]) -> [String] {
    FailureGroup.grouped(failures).flatMap(\.told).map { group in
      group.line("secrets", name: { $0 }, single: { "\($0.subject): \($0.failure.line)" })
    }
  }

  @Test func whatManyShareIsOneLineWithTheFirstNames() {
    let failures = (1...21).map { failed("S\($0)", "no answer", at: "secret/s\($0)", status: 503) }
    #expect(lines(failures) == ["21 secrets (S1, S2, S3 and 18 more): provider vault: no answer (status 503)"])
  }

  @Test func fewAreToldEachWithItsOwnReference() {
    let failures = (1...3).map { failed("S\($0)", "no answer", at: "secret/s\($0)") }
    #expect(lines(failures) == (1...3).map { "S\($0): provider vault: secret/s\($0): no answer" })
    #expect(lines(failures + [failed("S4", "no answer", at: "x")]).count == 1)
  }

  @Test func allThatWaitedForOneLoginAreOneLine() {
    #expect(
      lines([failed("A", "login failed"), failed("B", "login failed")])
        == ["2 secrets (A, B): provider vault: login failed"])
  }

  @Test func differentCausesStayApartInTheOrderOfTheFirstOnes() {
    let failures = (1...8).map { number in
      failed("S\(number)", number % 2 == 0 ? "denied" : "no answer", at: "secret/s\(number)")
    }
    #expect(
      lines(failures) == [
        "4 secrets (S1, S3, S5 and 1 more): provider vault: no answer",
        "4 secrets (S2, S4, S6 and 1 more): provider vault: denied",
      ])
    #expect(lines([]).isEmpty)
  }

  @Test func namesOfStrangersAreCleaned() {
    let failures = (1...4).map { failed("\u{1b}[2J\u{202e}\($0)\n", "no answer") }
    let line = lines(failures)[0]
    #expect(line.hasPrefix("4 secrets (\u{fffd}[2J\u{fffd}1\u{fffd}, "))
    #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202e })
  }
}
