import ArgumentParser
import Glibc
import JSONReader

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Starts the fakes on loopback, prints what to point an execution at, and serves until it is stopped.",
    discussion: """
      EXAMPLES
        secrets-agent-fakes serve
        secrets-agent-fakes serve --seed seed.json --port 8200 --json
      """)

  @OptionGroup var options: FakesOptions

  @Option(help: "A folder for the generated CA and certificates; without it TLS is not served.")
  var tlsFolder: String?

  @Flag(help: "Print one line of JSON.")
  var json = false

  @Option(help: "A file to write that line of JSON to, once everything listens.")
  var readyFile: String?

  func run() async throws {
    let fakes = try await RunningFakes(options)
    var places = fakes.places
    if let tlsFolder {
      places += try await fakes.listenSecurely(certificates: tlsFolder)
    }
    // Before the announcement: whoever reads it may stop us at once.
    let signals = Signals.watched([SIGTERM, SIGINT])
    announce(places)
    for await _ in signals {
      break
    }
    await fakes.stop()
  }

  private func announce(_ places: [(name: String, place: String)]) {
    var line = JSONWriter()
    line.beginObject()
    for (name, place) in places {
      line.name(name)
      line.string(place)
    }
    line.endObject()
    let text = (line.finish().unsafeString() ?? "") + "\n"
    if json {
      print(text, terminator: "")
    } else {
      for (name, place) in places {
        print("\(name): \(place)")
      }
      print("requests so far: GET \(places[0].place)/_fake/requests")
    }
    // Whoever reads a pipe should not wait for the buffer to fill.
    fflush(nil)
    if let readyFile {
      // Written aside and renamed, so that who waits for the file never reads half of it.
      let aside = readyFile + ".new"
      if let file = fopen(aside, "w") {
        fputs(text, file)
        fclose(file)
        rename(aside, readyFile)
      }
    }
  }
}
