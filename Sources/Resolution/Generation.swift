import EventLoop
import ExecutionModel
import ProviderKit
import SecretBytes
import Text

/// One complete, consistent set of values of an execution.
public struct Generation: Sendable {
  public struct Secret: Sendable {
    /// Name of the variable or file.
    public let name: String
    public let value: SecretBytes
    /// Name of the entry that it comes from.
    public let entry: String
    public let version: String?
    public let expiry: Moment?
    public let fetchedAt: Moment
  }

  /// In the document's order.
  public let secrets: [Secret]
}

/// Why one entry has no value.
public struct SecretFailure: Error, Sendable, Equatable {
  /// The entry's name.
  public let secret: String
  public let failure: ProviderFailure

  /// One line: `secrets.DB_PASSWORD: provider vault: secret/web/db: no field …`.
  public var line: String { "secrets.\(ShownText.clean(secret)): \(failure.line)" }
}

/// A generation that could not be made: every failed entry, not only the first. Never empty when thrown.
public struct GenerationFailure: Error, Sendable {
  public let failures: [SecretFailure]

  /// Every failed entry, in lines: what many have in common is said once, with the first of their names.
  public var lines: [String] {
    FailureGroup.grouped(failures.map { ($0, $0.failure) }).flatMap(\.told).map { group in
      group.line("secrets", name: { $0.secret }, single: { $0.subject.line })
    }
  }
}
