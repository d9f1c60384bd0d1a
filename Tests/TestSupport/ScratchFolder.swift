import Foundation

/// A folder of one test's own, removed with everything in it when the last holder lets go.
public final class ScratchFolder: Sendable {
  public let url: URL
  public var path: String { url.path }

  public init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("secrets-agent-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  /// A name in the folder that nothing has yet.
  public func fresh(_ stem: String) -> URL { url.appendingPathComponent("\(stem)-\(uniqueName())") }

  public func file(_ name: String) -> URL { url.appendingPathComponent(name) }

  /// Writes a file that only its owner can read; gives its path.
  @discardableResult
  public func write(_ text: String, as name: String) throws -> String {
    let file = file(name)
    try Data(text.utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    return file.path
  }

  public func text(of name: String) throws -> String { try String(contentsOf: file(name), encoding: .utf8) }

  public func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name).path) }
}

/// Eight hexadecimal digits that no other test gets, for whatever tests share.
public func uniqueName(_ prefix: String = "") -> String {
  prefix + UUID().uuidString.prefix(8).lowercased()
}
