import Foundation
import Glibc
import TestSupport

/// A process of `secrets-agent-fakes`, ended with the last holder or with the test process, whichever is first.
final class Fakes: Sendable {
  let folder: ScratchFolder
  let places: [String: String]
  private let pipeEnd: Int32
  private let pid: pid_t

  var address: String { places["vault"] ?? "" }
  var tlsAddress: String { places["vault_tls"] ?? "" }
  var mutualTLSAddress: String { places["vault_mutual_tls"] ?? "" }
  var authority: String { places["ca"] ?? "" }
  var host: String { String(address.dropFirst("http://".count)) }

  /// The shell reads a socket on which nothing is ever written; its end is the sign to stop the fakes.
  private static let script = #""$@" </dev/null & fakes=$!; exec >/dev/null; read -r _; kill -KILL "$fakes"; wait"#

  init(seed: JSON? = nil, tls: Bool = false) throws {
    folder = try ScratchFolder()
    // They are killed: a folder of their own would stay behind.
    var arguments = [Built.fakes, "serve", "--json", "--gcp-folder", folder.path]
    if let seed {
      arguments += ["--seed", try folder.write(seed.text, as: "seed.json")]
    }
    if tls {
      arguments += ["--tls-folder", folder.path]
    }
    let input = try connectedPair()
    let output = try connectedPair()
    pipeEnd = input.writing
    pid = try spawn(
      ["sh", "-c", Self.script, "sh"] + arguments,
      environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"], input: input.reading,
      output: output.writing, error: 2)
    close(input.reading)
    close(output.writing)
    defer { close(output.reading) }
    var line = Data()
    var byte: UInt8 = 0
    while read(output.reading, &byte, 1) == 1, byte != UInt8(ascii: "\n") {
      line.append(byte)
    }
    guard let places = flatStrings(line) else {
      throw Broken("the fakes said: \(String(decoding: line, as: UTF8.self))")
    }
    self.places = places
  }

  deinit {
    close(pipeEnd)
    waitpid(pid, nil, 0)
  }

  /// What was asked of the fakes, in order: `GET /v1/…`.
  func requests() async throws -> [String] {
    let body = try await administer("GET", "requests")
    return try JSONDecoder().decode([String: [String]].self, from: body)["requests"] ?? []
  }

  /// - Parameter route: as `GET /v1/secret/*`.
  func add(_ fault: String, _ argument: JSON? = nil, on route: String = "*", times: Int? = nil) async throws {
    var members: [(key: String, value: JSON)] = [("fault", .string(fault)), ("on", .string(route))]
    if let argument { members.append(("argument", argument)) }
    if let times { members.append(("times", .literal("\(times)"))) }
    _ = try await administer("POST", "faults", JSON.object(members).text)
  }

  func forget() async throws { _ = try await administer("DELETE", "requests") }

  /// By the curl command: it shares no code with what is under test.
  @discardableResult
  func administer(_ method: String, _ path: String, _ body: String = "") async throws -> Data {
    let command = [
      "curl", "--disable", "--silent", "--show-error", "--fail", "--noproxy", "*", "--request", method, "--data", body,
      "\(address)/_fake/\(path)",
    ]
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let outcome = try await Run(command, environment: ["PATH": path], folder: folder).outcome()
    guard outcome.status == 0 else { throw Broken("the fakes refuse \(method) \(path): \(outcome.errorText)") }
    return outcome.output
  }
}
