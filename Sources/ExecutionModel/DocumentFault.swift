import JSONReader

/// One thing wrong with a document: where, what, and a way out. It never carries a value of the document, since a document may
/// hold literal credentials.
public struct DocumentFault: Error, Sendable, Equatable {
  public enum Severity: Sendable, Equatable {
    /// The document is refused.
    case error
    /// The document is used all the same; `--strict` makes it an error.
    case warning
  }

  /// Where in the document, as `secrets.DB_PASSWORD.field`; empty for the document as a whole.
  public let path: String
  /// What is wrong and, after a semicolon, what to do.
  public let message: String
  public let severity: Severity
  /// Line and column of the key or value in the source, where one is known.
  public let position: SourcePosition?

  public init(_ path: String, _ message: String, severity: Severity = .error, at position: SourcePosition? = nil) {
    self.path = path
    self.message = message
    self.severity = severity
    self.position = position
  }

  /// One line: `secrets.DB_PASSWORD.field: required for hashicorp_vault (line 12)`.
  public var line: String {
    let place = position.map { " (line \($0.line), column \($0.column))" } ?? ""
    return path.isEmpty ? message + place : "\(path): \(message)\(place)"
  }
}

/// Every fault of a document that was found in one pass. Never empty when thrown.
public struct DocumentFaults: Error, Sendable, Equatable {
  public let faults: [DocumentFault]

  public init(_ faults: [DocumentFault]) {
    self.faults = faults
  }
}
