import ExecutionModel
import NodePolicy
import ProviderKit
import Text

/// Values from files of the node: what another agent, a person or the platform put there.
public struct FileProvider: SecretProvider {
  public struct Connection: Sendable {
    public init() {}
  }

  public struct Lookup: SecretLookup {
    /// Absolute.
    let path: String

    public var servedFile: String? { path }
    public var description: String { ShownText.clean(path, atMost: 200) }
  }

  private static let path = Field<String>("path", .file, required: true, "the file, an absolute path")

  public static let declaration = ProviderDeclaration<Connection, Lookup>(
    type: "file", aliases: ["local_file"],
    summary: "files on the node: regular files of at most 1 MiB beneath the folders that the node policy allows",
    makeConnection: { _ in Connection() },
    lookup: [path.descriptor],
    makeLookup: { values, _ throws(FieldFault) in Lookup(path: try values.required(path)) },
    refreshDefault: .watched)

  private let connection: OpenConnection

  public init(_ settings: Connection, over connection: OpenConnection) {
    self.connection = connection
  }

  /// Files need no login.
  public func logIn() async throws(ProviderFailure) -> LoginReport {
    LoginReport(identity: "the agent's own user", lifetime: nil)
  }

  public func fetch(_ lookups: [Lookup]) async -> [FetchResult] {
    lookups.map { lookup in
      do throws(NodeFileFault) {
        let payload = try connection.services.files.served(lookup.path)
        return .success(FetchedSecret(payload: payload, fetchedAt: connection.services.time.now))
      } catch {
        return .failure(connection.failures.file(error, "file", absence: .missing))
      }
    }
  }
}
