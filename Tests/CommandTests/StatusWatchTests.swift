import Foundation
import Glibc
import TestSupport
import Testing

/// `status --watch` on a pseudo-terminal, over a daemon with 60 secrets of which 3 fail.
@Suite(.timeLimit(.minutes(15))) struct StatusWatchTests {
  private static let names = (1...60).map { "SECRET_\($0 < 10 ? "0" : "")\($0)" }
  private let fakes: Fakes
  private let daemon: RunningDaemon

  init() throws {
    let there = Self.names.prefix(57).map { name -> JSON in
      ["mount": "secret", "path": .string("web/\(name)"), "data": ["password": "a-value-of-the-watched-status"]]
    }
    fakes = try Fakes(seed: [
      "vault": [
        "mounts": [["path": "secret", "version": 2]], "secrets": .array(Array(there)),
        "approles": [["role_id": "demo-web-role", "secret_id": "demo-web-secret-id"]],
      ]
    ])
    daemon = try RunningDaemon()
    let entries = Self.names.map { (key: $0, value: kv2("web/\($0)", "password")) }
    try daemon.drop(
      ["secret_providers": ["vault": vault(fakes.address)], "secrets": .object(entries)] as JSON, as: "web")
  }

  private func start() async throws -> Run {
    let run = try daemon.start()
    #expect(
      try await daemon.reach(run) {
        try await daemon.command("status").outputText.contains("57 live, 0 late, 0 stale, 3 failing")
      })
    return run
  }

  private func watch(rows: Int = 24, columns: Int = 80, _ environment: [String: String] = [:]) throws -> PseudoTerminal
  {
    try PseudoTerminal(
      [Built.agent, "status", "--watch", "--socket", daemon.folder.file("api.sock").path], rows: rows,
      columns: columns, environment: environment)
  }

  /// One whole screen of `rows`: headline, the one line of what fails, the table with what fails on top, a bar at the bottom.
  private func expectScreen(_ shown: TerminalDouble, rows: Int) throws {
    let lines = shown.lines
    let said = Comment(rawValue: lines.joined(separator: "\n"))
    #expect(lines.count == rows, said)
    #expect(lines[0].hasPrefix("0 of 1 execution ready; 60 secrets: 57 live, 0 late, 0 stale, 3 failing"), said)
    #expect(lines[1].hasPrefix("! 3 secrets (web/SECRET_58, web/SECRET_59, web/SECRET_60): provider vault: "), said)
    let header = try #require(lines.firstIndex { $0.contains("SECRET  ") && $0.contains("STATE") }, said)
    let column = try #require(lines[header].range(of: "STATE")).lowerBound.utf16Offset(in: lines[header])
    #expect(lines[header + 1].hasPrefix("web  failing  generation 0"), said)
    for (place, line) in lines[(header + 2)..<(rows - 1)].enumerated() {
      let state = place < 3 ? "failing " : "live "
      #expect(line.dropFirst(column).hasPrefix(state), said)
    }
    let first = lines[header + 2].dropFirst(2)
    #expect(first.hasPrefix("SECRET_58 "), said)
    #expect(lines[rows - 1].contains(" 1-\(rows - 2) of ") && lines[rows - 1].contains("q ends"), said)
    #expect(shown.isAlternate && !shown.hasCursor && !shown.wraps && shown.faults.isEmpty, "\(shown.faults)")
  }

  @Test(arguments: [(24, 80), (50, 200), (16, 100)])
  func oneScreenWithWhatFailsOnTopFollowsTheWindow(rows: Int, columns: Int) async throws {
    let run = try await start()
    let terminal = try watch(rows: rows, columns: columns)
    defer { run.send(SIGTERM) }
    #expect(try await terminal.reach { $0.lines.last?.contains("q ends") == true })
    try expectScreen(terminal.shown, rows: rows)
    for (rows, columns) in [(12, 90), (30, 132)] {
      terminal.resize(rows: rows, columns: columns)
      #expect(try await terminal.reach { $0.lines.last?.contains("q ends") == true })
      // A frame of the size before may have been under way.
      terminal.forgetFaults()
      terminal.type("\u{1b}[H")
      #expect(try await terminal.reach { $0.lines.last?.contains(" 1-") == true })
      try expectScreen(terminal.shown, rows: rows)
    }
    terminal.type("q")
    #expect(try await terminal.ended() == 0)
    #expect(terminal.shown.lines.allSatisfy(\.isEmpty) && isRestored(terminal.shown))
  }

  private func isRestored(_ shown: TerminalDouble) -> Bool { !shown.isAlternate && shown.hasCursor && shown.wraps }

  @Test func keysScrollAndWhatIsNoKeyDoesNothing() async throws {
    let run = try await start()
    defer { run.send(SIGTERM) }
    let terminal = try watch()
    func reach(_ place: String) async throws {
      #expect(try await terminal.reach { $0.lines.last?.contains(" \(place) of ") == true }, "\(terminal.shown.lines)")
    }
    try await reach("1-22")
    let total = try #require(terminal.shown.lines.last?.firstMatch(of: /of (\d+)/).flatMap { Int($0.1) })
    // What is scrolled past the columns' titles leaves them where they are.
    let end = "\(total - 20)-\(total)"
    // In the order: down, up twice, a page, to the end and beyond, and back; as xterm and the Linux console send them.
    for (keys, place) in [
      ("\u{1b}[B", "2-23"), ("\u{1b}OB", "3-24"), ("\u{1b}[A\u{1b}[A\u{1b}[A", "1-22"), ("\u{1b}[6~", "23-43"),
      ("\u{1b}[5~", "1-22"), ("\u{1b}[F", end), ("\u{1b}[B\u{1b}[6~", end), ("\u{1b}[1~", "1-22"), ("G", end),
      ("g", "1-22"),
    ] {
      terminal.type(keys)
      try await reach(place)
      let hasTitles = terminal.shown.lines[1].contains("SECRET  ") && terminal.shown.lines[1].contains("STATE")
      #expect(hasTitles == !(place.hasPrefix("1-") || place.hasPrefix("2-") || place.hasPrefix("3-")), "\(place)")
    }
    // A sequence in two pieces, a lone escape, noise without end, a mouse's report, what is no text.
    let noise = "\u{1b}[" + String(repeating: "1;", count: 600) + "~\u{1b}\u{1b}[<0;1;1Mxyz\u{3}".dropLast()
    terminal.type(noise + "é\u{0}\u{7f}")
    terminal.type("\u{1b}")
    terminal.type("[B")
    try await reach("2-23")
    terminal.type("Q")
    #expect(try await terminal.ended() == 0 && isRestored(terminal.shown))
  }

  @Test func aDaemonThatRestartsIsWaitedFor() async throws {
    let run = try await start()
    let terminal = try watch(columns: 200)
    #expect(try await terminal.reach { $0.lines[0].contains("3 failing") })
    run.send(SIGTERM)
    _ = try await run.outcome()
    #expect(try await terminal.reach { $0.lines[1].hasPrefix("daemon away since 2") })
    // What it said last stays.
    #expect(terminal.shown.lines[0].contains("57 live") && terminal.shown.lines[2].hasPrefix("! 3 secrets ("))
    #expect(terminal.shown.lines[1].contains("api.sock"))
    let next = try daemon.start()
    defer { next.send(SIGTERM) }
    #expect(
      try await terminal.reach { $0.lines[1].hasPrefix("! 3 secrets (") && $0.lines[0].contains("57 live") })
    #expect(terminal.shown.faults.isEmpty, "\(terminal.shown.faults)")
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT])
  func aSignalLeavesTheTerminalAsItWas(signal: Int32) async throws {
    let run = try await start()
    defer { run.send(SIGTERM) }
    let terminal = try watch()
    #expect(try await terminal.reach { $0.lines[0].contains("3 failing") })
    if signal == SIGINT { terminal.type("\u{3}") } else { kill(terminal.pid, signal) }
    #expect(try await terminal.ended() & 0x7f == signal)
    #expect(isRestored(terminal.shown))
  }

  @Test func whileItIsStoppedTheTerminalIsTheShells() async throws {
    let run = try await start()
    defer { run.send(SIGTERM) }
    let terminal = try watch()
    #expect(try await terminal.reach { $0.lines[0].contains("3 failing") })
    terminal.type("\u{1a}")
    #expect(try await terminal.reach { _ in terminal.isStopped })
    #expect(try await terminal.reach { isRestored($0) })
    kill(terminal.pid, SIGCONT)
    #expect(try await terminal.reach { $0.isAlternate && !$0.hasCursor && $0.lines[0].contains("3 failing") })
    terminal.type("q")
    #expect(try await terminal.ended() == 0)
  }

  @Test func itEndsWithItsTerminal() async throws {
    let run = try await start()
    defer { run.send(SIGTERM) }
    let terminal = try watch()
    #expect(try await terminal.reach { $0.lines[0].contains("3 failing") })
    terminal.hangUp()
    // By its end of input or by the signal, whichever is heard first.
    #expect([0, SIGHUP].contains(try await terminal.ended()))
  }

  @Test func coloursAreATerminalsAndNotWhereTheyAreUnwanted() async throws {
    let run = try await start()
    defer { run.send(SIGTERM) }
    let shown = try watch()
    #expect(try await shown.reach { $0.lines.last?.contains("q ends") == true })
    #expect(shown.shown.hasColors)
    let plain = try watch(["NO_COLOR": "1"])
    #expect(try await plain.reach { $0.lines.last?.contains("q ends") == true })
    #expect(!plain.shown.hasColors)
    let piped = try await daemon.command("status")
    #expect(!piped.outputText.contains("\u{1b}") && piped.status == Status.unavailable, piped.said)
    // Nor one screen, where the terminal knows none.
    let dumb = try watch(["TERM": "dumb"])
    #expect(try await dumb.reach { $0.lines.contains { $0.hasPrefix("  SECRET_57 ") } })
    #expect(!dumb.shown.isAlternate && !dumb.shown.hasColors && dumb.shown.faults.allSatisfy { $0.hasPrefix("beyond") })
  }

  @Test func intoAPipeItEndsWithItsReaderAndOutlivesTheDaemon() async throws {
    let run = try await start()
    let outcome = try await daemon.shell("\"$@\" | head -3", "status", "--watch")
    let lines = outcome.outputText.split(separator: "\n")
    #expect(lines.count == 3 && lines[0].hasPrefix("0 of 1 execution ready"), outcome.said)
    #expect(outcome.status == Status.done && outcome.errorText.isEmpty, outcome.said)
    let watched = try daemon.begin("status", "--watch")
    #expect(try await watched.printed("57 live"))
    run.send(SIGTERM)
    _ = try await run.outcome()
    #expect(try await daemon.reach(watched) { try watched.errorSoFar().contains("no daemon answers") })
    watched.send(SIGTERM)
    let ended = try await watched.outcome()
    #expect(ended.signal == SIGTERM && ended.errorLines.count == 1, ended.said)
  }

  @Test func aDaemonThatNeverAnsweredIsNotWaitedFor() async throws {
    let terminal = try watch()
    #expect(try await terminal.ended() == Status.unavailable << 8)
    #expect(terminal.shown.lines[0].hasPrefix("error: ") && isRestored(terminal.shown))
    let piped = try await daemon.command("status", "--watch")
    #expect(piped.status == Status.unavailable && piped.faults.count == 1, piped.said)
  }
}
