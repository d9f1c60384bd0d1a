import AWSSigning
import ExecutionModel
import JSONReader
import ProviderKit
import SecretBytes

/// A profile's `credential_process`: a command that prints credentials
/// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html).
///
/// Only the node's owner writes the shared files, and a document can at most name a profile, so who lets the files be read lets
/// their command be run.
struct CredentialProcess: Sendable {
  static let timeLimit: Int32 = 30_000
  static let outputLimit = 64 * 1024

  let context: CredentialContext

  func resolve(_ command: String, profile: String) async throws(ProviderFailure) -> ResolvedCredentials {
    let name = DocumentPath.shown(profile)
    guard let arguments = ShellWords.split(command), !arguments.isEmpty else {
      throw context.failures.make(.denied, "credential_process of profile \(name) is not a command line")
    }
    let process = HelperProcess(
      arguments: arguments, timeLimit: Self.timeLimit, outputLimit: Self.outputLimit)
    let output: SecretBytes
    do throws(HelperProcess.Fault) {
      output = try await process.output().get()
    } catch {
      throw context.failures.make(
        error == .tooLong ? .transient : .denied, "credential_process of profile \(name) \(Self.words(error))",
        hint: "run the command by hand")
    }
    return ResolvedCredentials(
      credentials: try credentials(output, "credential_process of profile \(name)"),
      source: "process of profile \(name)")
  }

  private static func words(_ fault: HelperProcess.Fault) -> String {
    switch fault {
    case .notFound: "is not an executable file"
    case .notStarted(let code): "could not be run (error \(code))"
    case .failed(let status): "ended with status \(status)"
    case .killed(let signal): "was ended by signal \(signal)"
    case .tooLong: "took longer than \(timeLimit / 1000) seconds"
    case .tooMuchOutput: "printed more than \(outputLimit / 1024) KiB"
    }
  }

  private func credentials(_ output: SecretBytes, _ what: String) throws(ProviderFailure) -> AWSCredentials {
    func fault(_ message: String) -> ProviderFailure { context.failures.make(.malformed, "\(what) \(message)") }
    guard let json = try? JSONValue.parse(output, limits: .payload) else {
      throw fault("printed what is not JSON")
    }
    guard json.member("Version")?.int64 == 1 else {
      throw fault("printed another Version than 1")
    }
    guard
      let accessKeyID = json.member("AccessKeyId")?.text, !accessKeyID.isEmpty,
      let secret = json.member("SecretAccessKey")?.secret, !secret.isEmpty
    else {
      throw fault("printed no AccessKeyId and SecretAccessKey")
    }
    var end: Int64?
    if let value = json.member("Expiration"), !value.isNull {
      guard let seconds = value.text.flatMap(AWSTimestamp.seconds(of:)) else {
        throw fault("printed an Expiration that is no date")
      }
      end = seconds
    }
    return AWSCredentials(
      accessKeyID: accessKeyID, secretAccessKey: secret.detached(),
      sessionToken: json.member("SessionToken")?.secret?.detached(), expiresAt: end)
  }
}
