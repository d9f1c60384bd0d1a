/// Why something of the cache cannot be read or written, in one line without a value.
public struct CacheFault: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  /// The system's error number, where a system call failed on the cache's folder.
  public let systemError: Int32?
  /// Whether it may go by itself: a TPM that is busy, or not there yet.
  public let mayPass: Bool

  init(_ description: String, systemError: Int32? = nil, mayPass: Bool = false) {
    self.description = description
    self.systemError = systemError
    self.mayPass = mayPass
  }
}
