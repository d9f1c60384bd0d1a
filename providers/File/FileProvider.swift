import EventLoop
import ExecutionModel
import NodePolicy
import ProviderKit
import SecretBytes

/// Values from files of the node: what another agent, a person or the platform put there.
public struct FileProvider: SecretProvider {
  public static let descriptor = ProviderDescriptor(
    type: "file", aliases: ["local_file"],
    summary: "files on the node: regular files of at most 1 MiB beneath the folders that the node policy allows",
    lookup: [FieldDescriptor("path", .file, required: true, "the file, an absolute path")],
    refreshDefault: .watched)

  private let services: ProviderServices
  private let failures: FailureMaker

  public init(connection: ProviderConnection, services: ProviderServices) throws(DocumentFault) {
    self.services = services
    self.failures = FailureMaker(connection: connection.name)
  }

  public static func describe(_ reference: Reference) -> String {
    DocumentPath.shown(reference.lookup.text("path") ?? "", atMost: 200)
  }

  /// Files need no login.
  public func logIn() async throws(ProviderFailure) -> LoginReport {
    LoginReport(identity: "the agent's own user", lifetime: nil)
  }

  public func fetch(_ references: [Reference]) async -> [FetchResult] {
    references.map { reference in
      do throws(NodeFileFault) {
        let payload = try services.files.served(reference.lookup.text("path") ?? "")
        return .success(FetchedSecret(payload: payload, fetchedAt: services.time.now))
      } catch {
        return .failure(failures.file(error, "file", absence: .missing))
      }
    }
  }

  public func close(_ reason: CloseReason) async {}
}
