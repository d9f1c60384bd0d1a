import Files
import Glibc
import SecretBytes

/// All that one execution gets, in one directory whose generations switch as a whole, by a single rename:
///
/// ```
/// DIRECTORY/NAME              -> ..data/NAME             one file a secret, where files are wanted
/// DIRECTORY/.env              -> ..data/.env             the env file, where one is wanted
/// DIRECTORY/.manifest.json    -> ..data/.manifest.json   names, versions, times and the generation's number; no values
/// DIRECTORY/..data            -> ..generation_<16 hex>
/// ```
///
/// It is the layout of ``FilesDirectoryOutput``; a reader that opens `..data` once sees env file, files and manifest of one
/// generation.
public struct GenerationDirectory: Sendable, Hashable {
  public static let environmentFile = ".env"
  public static let manifestFile = ".manifest.json"

  /// What was done, and what was left undone without harm.
  public typealias Outcome = (change: OutputChange, warnings: [DeliveryFault])

  public let output: FilesDirectoryOutput
  /// `nil`: no env file.
  public let environmentFormat: EnvironmentFormat?
  /// Whether each secret gets a file of its own.
  public let hasFiles: Bool

  public init(_ output: FilesDirectoryOutput, environmentFormat: EnvironmentFormat?, hasFiles: Bool) {
    self.output = output
    self.environmentFormat = environmentFormat
    self.hasFiles = hasFiles
  }

  /// Puts `secrets` in place as one generation, unless they are there already.
  ///
  /// - Returns: what was done; ``OutputChange/none`` also where only `manifest` differs from what is there.
  /// - Throws: every fault; the earlier generation is in place then, byte for byte.
  public func deliver(
    _ secrets: [DeliveredSecret], manifest: SecretBytes
  ) throws(DeliveryFaults) -> Outcome {
    var staged = try StagedFiles.stage(output, entries(secrets, manifest))
    let change = staged.change
    try staged.swap()
    return (change, staged.finish())
  }

  private func entries(
    _ secrets: [DeliveredSecret], _ manifest: SecretBytes
  ) throws(DeliveryFaults) -> [DeliveredSecret] {
    var entries = hasFiles ? secrets : []
    if let environmentFormat {
      entries.append(
        DeliveredSecret(
          name: Self.environmentFile,
          value: try EnvironmentFile.checked(secrets, format: environmentFormat, shown: output.location.shown)))
    }
    entries.append(DeliveredSecret(name: Self.manifestFile, value: manifest))
    return entries
  }

  /// Whether just `secrets` are in place, whatever the manifest beside them says; nothing is changed.
  public func holds(_ secrets: [DeliveredSecret]) -> Bool {
    guard let entries = try? entries(secrets, SecretBytes("")), let folder = try? output.location.openFolder(),
      let directory = try? FileDescriptor(in: folder.descriptor, folder.name, O_RDONLY | O_DIRECTORY, "")
    else {
      return false
    }
    let layout = FilesLayout(directory)
    guard let current = try? layout.current(), let generation = try? GenerationFolder(layout, current) else {
      return false
    }
    return (try? generation.holds(entries, output.permissions)) != nil
  }

  /// The manifest of the generation that is in place; `nil` where there is none to read.
  public func manifest() -> SecretBytes? {
    guard let folder = try? output.location.openFolder(),
      let directory = try? FileDescriptor(in: folder.descriptor, folder.name, O_RDONLY | O_DIRECTORY, "")
    else {
      return nil
    }
    let layout = FilesLayout(directory)
    guard let current = try? layout.current(),
      let generation = try? FileDescriptor(in: layout.directory, current, O_RDONLY | O_DIRECTORY, ""),
      let file = try? FileDescriptor(in: generation, Self.manifestFile, O_RDONLY | O_NONBLOCK, "")
    else {
      return nil
    }
    return try? WholeFile.contents(of: file, limit: 16 * 1024 * 1024)
  }

  /// Removes everything of the directory that is the agent's; nothing there is fine.
  public func remove() throws(DeliveryFaults) {
    do throws(DeliveryFault) {
      try output.remove()
    } catch {
      throw DeliveryFaults(error)
    }
  }
}
