import ArgumentParser
import Files
import Glibc
import ProviderFakes
import SecretBytes

/// What the stores hold and where they listen.
struct FakesOptions: ParsableArguments {
  /// The ports that config/examples name.
  static let examplePorts = (vault: 8200, aws: 4566, azure: 8201, gcp: 8202)

  @Option(help: "What the stores hold, a JSON file; without it, what the examples read.")
  var seed: String?

  @Option(help: "The port of Vault by plain HTTP; 0 is an ephemeral one.")
  var port: Int?

  @Option(help: "The port of the fake AWS; 0 is an ephemeral one.")
  var awsPort: Int?

  @Option(help: "The port of Azure's plain HTTP; 0 is an ephemeral one.")
  var azurePort: Int?

  @Option(help: "The port of Google Cloud's plain HTTP; 0 is an ephemeral one.")
  var gcpPort: Int?

  @Option(help: "A folder for the key files of Google's service accounts; without it a temporary one.")
  var gcpFolder: String?

  func validate() throws {
    for port in [port, awsPort, azurePort, gcpPort].compactMap({ $0 }) where !(0...65535).contains(port) {
      throw ValidationError("\(port) is not a port: 0 to 65535")
    }
  }

  func content() throws -> FakesSeed {
    try FakesSeed(try seed.map(Self.content) ?? SecretBytes(FakesSeed.demo))
  }

  private static func content(of path: String) throws -> SecretBytes {
    do throws(WholeFile.Fault) {
      return try WholeFile.read(path, limit: 16 * 1024 * 1024)
    } catch .failed("open", let code) {
      throw ValidationError("\(path): \(String(cString: strerror(code)))")
    } catch {
      throw ValidationError("\(path): cannot be read")
    }
  }
}
