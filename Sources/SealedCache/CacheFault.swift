/// Why something of the cache cannot be read or written, in one line without a value.
public struct CacheFault: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String

  init(_ description: String) {
    self.description = description
  }
}
