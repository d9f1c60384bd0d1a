import Delivery
import EventLoop
import SecretBytes
import TestSupport
import Testing

@testable import AgentDaemon
@testable import Resolution

/// Which value a unit's credential is.
@Suite(.timeLimit(.minutes(15))) struct CredentialLookupTests {
  private let time = ManualTime()
  private let delivered: DeliveredGenerations

  init() async {
    delivered = await DeliveredGenerations(time: time, executor: nil)
  }

  /// - Parameters:
  ///   - waiting: what executions without a generation wait for, by their ids.
  ///   - names: their jobs' names.
  private func lookup(
    units: [String: String] = [:], environmentFile: EnvironmentFormat? = .systemd, waiting: [String: String] = [:],
    names: [String: String] = [:]
  ) async -> CredentialLookup {
    var credentials = AgentConfiguration.Credentials()
    credentials.units = units
    let rules = CredentialLookup.Rules(credentials: credentials, environmentFile: environmentFile)
    return await CredentialLookup(delivered, time: time, worker: nil) {
      rules
    } standing: { id in
      waiting[id].map { .expected(reason: $0) } ?? .unknown
    } candidates: { name in
      names.filter { $0.value == name }.map(\.key)
    }
  }

  private func deliver(_ id: String, _ name: String?, _ values: [(String, String)], number: Int64 = 1) async {
    let secrets = values.map { name, value in
      Generation.Secret(
        name: name, value: SecretBytes(value), entry: name, version: nil, expiry: nil, fetchedAt: time.now)
    }
    await delivered.note(DeliveredGeneration(id, name, number, Generation(secrets: secrets)))
  }

  private func answer(
    _ lookup: CredentialLookup, _ unit: String, _ credential: String, process: Int32 = 100
  ) async -> Result<String?, CredentialLookup.Refusal> {
    do throws(CredentialLookup.Refusal) {
      let request = CredentialRequest(address: Array("\0f0/unit/\(unit)/\(credential)".utf8))
      guard let request else { return .failure(.init(reason: "no request")) }
      return .success(try await lookup.credential(request, process: process).unsafeString())
    } catch {
      return .failure(error)
    }
  }

  private func reason(_ result: Result<String?, CredentialLookup.Refusal>) -> String {
    if case .failure(let refusal) = result { refusal.reason } else { "" }
  }

  /// Lets the bound pass for one that waits.
  private func waited(_ lookup: CredentialLookup, _ unit: String, _ credential: String) async -> String {
    let waiting = Task { await answer(lookup, unit, credential) }
    await time.sleepers(1)
    time.advance(by: .seconds(30))
    return reason(await waiting.value)
  }

  @Test func aSecretCountsBeforeTheEnvFileOfItsName() async {
    let lookup = await lookup()
    await deliver("e-1", "web", [("A", "1")])
    await deliver("e-2", "odd", [("env", "mine")])
    #expect(await answer(lookup, "web.service", "env") == .success("A='1'\n"))
    #expect(await answer(lookup, "odd.service", "env") == .success("mine"))
  }

  @Test func anEnvFileThatIsNotWrittenIsNotGiven() async {
    let lookup = await lookup(environmentFile: nil)
    await deliver("e-1", "web", [("A", "1")])
    #expect(await reason(answer(lookup, "web.service", "env")).contains("outputs.environment_file is none"))
  }

  @Test func whatAnEnvFileCannotCarryIsSaid() async {
    let lookup = await lookup(environmentFile: .docker)
    await deliver("e-1", "web", [("A", "a\nb")])
    #expect(await answer(lookup, "web.service", "A") == .success("a\nb"))
    #expect(await reason(answer(lookup, "web.service", "env")).contains("format docker cannot carry the value"))
  }

  @Test func aUnitThatIsNoServiceHasItsWholeName() async {
    let lookup = await lookup()
    await deliver("e-1", "backup.timer", [("A", "1")])
    await deliver("e-2", nil, [("A", "2")])
    #expect(await answer(lookup, "backup.timer", "A") == .success("1"))
  }

  @Test func oneJobTwiceIsWaitedForAndThenRefused() async {
    let lookup = await lookup()
    await deliver("e-1", "web", [("A", "1")])
    await deliver("e-2", "web", [("A", "2")])
    #expect(await waited(lookup, "web.service", "A").contains("2 executions have that name (e-1, e-2)"))
    // One replaces the other.
    let waiting = Task { await answer(lookup, "web.service", "A", process: 101) }
    await time.sleepers(1)
    await delivered.withdraw("e-1")
    await deliver("e-2", "web", [("A", "3")])
    #expect(await waiting.value == .success("3"))
  }

  @Test func allCredentialsOfOneStartAreOfOneGeneration() async {
    let lookup = await lookup()
    await deliver("e-1", "web", [("CERTIFICATE", "c1"), ("KEY", "k1")])
    #expect(await answer(lookup, "web.service", "CERTIFICATE") == .success("c1"))
    await deliver("e-1", "web", [("CERTIFICATE", "c2"), ("KEY", "k2")], number: 2)
    #expect(await answer(lookup, "web.service", "KEY") == .success("k1"))
    #expect(await answer(lookup, "web.service", "KEY", process: 101) == .success("k2"))
    // The same process, for another unit.
    await deliver("e-2", "other", [("KEY", "o1")])
    #expect(await answer(lookup, "other.service", "KEY") == .success("o1"))
    // What was withdrawn is not given on.
    await delivered.withdraw("e-1")
    #expect(await waited(lookup, "web.service", "KEY").contains("no execution has job_spec.name"))
  }

  @Test func allCredentialsOfOneStartWaitWithinOneBound() async {
    let lookup = await lookup()
    #expect(await waited(lookup, "nobody.service", "A").contains("no execution has job_spec.name"))
    // The bound is over; nothing moves the clock here.
    #expect(await reason(answer(lookup, "nobody.service", "B")).contains("no execution has job_spec.name"))
  }

  @Test func whyAnExecutionHasNothingToGiveIsSaid() async {
    let lookup = await lookup(
      units: ["gone.service": "nosuch", "mapped.service": "e-1"],
      waiting: ["e-1": "secrets.A: denied", "e-2": "secrets.B: missing"], names: ["e-2": "web"])
    #expect(
      await waited(lookup, "gone.service", "A") == "there is no execution nosuch, which credentials.units names")
    #expect(
      await waited(lookup, "mapped.service", "A")
        == "execution e-1, which credentials.units names, has no generation: secrets.A: denied")
    #expect(
      await waited(lookup, "web.service", "A")
        == "execution e-2, which has the unit's name, has no generation: secrets.B: missing")
    #expect(
      await waited(lookup, "other.service", "A")
        == "no execution has job_spec.name other, and credentials.units names none for the unit")
  }

  /// Where more wait than may, nobody waits any longer than who came before.
  @Test func whoMayNotWaitGetsWhatThereIs() async {
    let lookup = await lookup(waiting: ["e-2": "its values are being fetched"], names: ["e-2": "late"])
    await deliver("e-1", "web", [("A", "1")])
    for (unit, found) in [("web", true), ("late", false)] {
      let request = CredentialRequest(address: Array("\0f0/unit/\(unit).service/A".utf8))
      let value = try? await lookup.credential(#require(request), process: 7, mayWait: false)
      #expect((value != nil) == found)
    }
  }

  @Test func moreThanSystemdTakesIsNotGiven() async {
    let lookup = await lookup()
    await deliver(
      "e-1", "web",
      [("A", String(repeating: "x", count: 1 << 20)), ("B", String(repeating: "x", count: (1 << 20) - 1))])
    #expect(await reason(answer(lookup, "web.service", "A")).contains("over 1 MiB"))
    #expect(await answer(lookup, "web.service", "B") == .success(String(repeating: "x", count: (1 << 20) - 1)))
  }

  @Test func startsAreForgottenAndBounded() {
    var starts = UnitStarts()
    for number in 0..<1000 {
      _ = starts.start(.init(process: Int32(number), unit: "web.service"), now: time.now, wait: .seconds(30))
    }
    let began = time.now
    let later = began.advanced(by: .seconds(36))
    #expect(
      starts.start(.init(process: 999, unit: "web.service"), now: began.advanced(by: .seconds(20)), wait: .seconds(30))
        .began == began)
    #expect(starts.start(.init(process: 999, unit: "web.service"), now: later, wait: .seconds(30)).began == later)
  }
}
