import ArgumentParser
import Dispatch
import Glibc
import JSONReader
import ProviderFakes
import SecretBytes

@main
struct SecretsAgentFakes: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secrets-agent-fakes", abstract: "Local fakes of the secret stores, to try and to test against.",
    subcommands: [Serve.self])
}

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Starts the fakes on loopback, prints what to point an execution at, and serves until it is stopped.",
    discussion: """
      EXAMPLES
        secrets-agent-fakes serve
        secrets-agent-fakes serve --seed seed.json --port 8200 --json
      """)

  @Option(help: "What the stores hold, a JSON file; without it, what the examples read.")
  var seed: String?

  @Option(help: "The port of Vault by plain HTTP; 0 is an ephemeral one.")
  var port = 0

  @Option(help: "The port of the fake AWS; 0 is an ephemeral one.")
  var awsPort = 0
  @Option(help: "The port of Azure's plain HTTP; 0 is an ephemeral one.")
  var azurePort = 0

  @Option(help: "The port of Google Cloud's plain HTTP; 0 is an ephemeral one.")
  var gcpPort = 0

  @Option(help: "A folder for the key files of Google's service accounts; without it a temporary one.")
  var gcpFolder: String?

  @Option(help: "A folder for the generated CA and certificates; without it TLS is not served.")
  var tlsFolder: String?

  @Flag(help: "Print one line of JSON.")
  var json = false

  @Option(help: "A file to write that line of JSON to, once everything listens.")
  var readyFile: String?

  func run() async throws {
    let seed = try FakesSeed(try seed.map(Self.content) ?? SecretBytes(FakesSeed.demo))
    let vault = try await VaultFake.start(port: port)
    try seed.apply(to: vault)
    let aws = try await AWSFake.start(port: awsPort)
    try seed.apply(to: aws)
    let azure = try await AzureFake.start(port: azurePort)
    try seed.apply(to: azure)
    let gcp = try await GCPFake.start(port: gcpPort)
    let keys = try KeyFolder(gcpFolder)
    let keyFiles = try seed.apply(to: gcp, folder: keys.path)
    var places = [
      ("vault", vault.address), ("aws", aws.address), ("azure", azure.address), ("gcp", gcp.address),
    ]
    if let first = keyFiles.first {
      places.append(("gcp_key_file", first))
    }
    if let tlsFolder {
      let authority = try CertificateAuthority()
      let client = try authority.client()
      try authority.authority.write(to: tlsFolder, name: "ca")
      try client.write(to: tlsFolder, name: "client")
      let server = try authority.server()
      places.append(("vault_tls", try await vault.listening(tls: .server(server)).address))
      places.append(
        (
          "vault_mutual_tls",
          try await vault.listening(tls: .mutual(server, clientAuthority: authority.authority)).address
        ))
      places.append(("aws_tls", try await aws.listening(tls: .server(server)).address))
      places.append(("azure_tls", try await azure.listening(tls: .server(server)).address))
      places.append(("gcp_tls", try await gcp.listening(tls: .server(server)).address))
      places.append(("ca", "\(tlsFolder)/ca.pem"))
    }
    announce(places)
    await Self.stopped()
    await vault.stop()
    await aws.stop()
    await azure.stop()
    await gcp.stop()
    keys.remove(keyFiles)
  }

  private func announce(_ places: [(String, String)]) {
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
      print("requests so far: GET \(places[0].1)/_fake/requests")
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

  private static func content(of path: String) throws -> SecretBytes {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw ValidationError("\(path): \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var buffer = SecretBuffer()
    guard FileRead.all(of: descriptor, into: &buffer, limit: 16 * 1024 * 1024) == nil else {
      throw ValidationError("\(path): cannot be read")
    }
    return buffer.finish()
  }

  /// Returns on SIGTERM or SIGINT.
  private static func stopped() async {
    let sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: .main)
    }
    await withCheckedContinuation { (stopped: CheckedContinuation<Void, Never>) in
      let once = Once(stopped)
      for source in sources {
        source.setEventHandler { once.resume() }
        source.resume()
      }
    }
    // Held until here: an optimised build drops them at their last use, and with them the signals.
    for source in sources {
      source.cancel()
    }
  }
}

/// Resumes a continuation once, however many signals come. Used on the main queue only.
private final class Once: @unchecked Sendable {
  private var continuation: CheckedContinuation<Void, Never>?

  init(_ continuation: CheckedContinuation<Void, Never>) {
    self.continuation = continuation
  }

  func resume() {
    continuation?.resume()
    continuation = nil
  }
}
