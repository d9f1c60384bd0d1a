import AgentDaemon
import ArgumentParser
import ExecutionModel
import NodePolicy
import SealedCache

/// Whether a command that fetches for itself may go on with what its last run got, and where that is kept.
struct OfflineOptions: ParsableArguments {
  @Flag(
    help: "Keep the values sealed, and use them where a store cannot be reached or asks to wait; never what it refuses."
  )
  var offlineOk = false

  @Option(help: "With --offline-ok: the daemon's configuration, whose cache is used.", completion: .file())
  var config: String?

  @Option(help: "With --offline-ok: the folder of sealed values, in place of --config.", completion: .directory)
  var cacheFolder: String?

  @Option(
    help: "With --offline-ok: the key file that `cache init` made (default: the configuration's).", completion: .file())
  var cacheKey: String?

  @Option(
    help: "With --offline-ok: how long stores are asked where all values are kept, within --timeout (default: 5s).",
    transform: DurationArgument.parse)
  var offlineAfter: DurationArgument?

  func validate() throws {
    let places = [config, cacheFolder].compactMap { $0 }
    guard offlineOk else {
      guard places.isEmpty, cacheKey == nil, offlineAfter == nil else {
        throw ValidationError(
          "--config, --cache-folder, --cache-key and --offline-after say how --offline-ok keeps values; add it")
      }
      return
    }
    guard places.count == 1 else {
      throw ValidationError("--offline-ok needs to know where values are kept: give --config or --cache-folder")
    }
  }

  /// Where values are kept.
  struct Place: Sendable {
    let folder: String
    let keyFile: String
    /// How long stores are asked where all values are kept.
    let patience: Duration

    func open(_ runtime: AgentRuntime) async throws(CacheFault) -> GenerationCache {
      let keys = try await CacheKeys.load(path: keyFile, tpm: TPMSeal(on: runtime.loop))
      return GenerationCache(try CacheFolder(folder, keys), hiding: StandardError.hidden)
    }
  }

  private var patience: Duration { offlineAfter?.duration ?? OfflineValues.patience }

  /// `nil`: values are not kept.
  func place(_ faults: FaultPrinter) throws -> Place? {
    guard offlineOk else {
      return nil
    }
    guard let config else {
      return cacheFolder.map { Place(folder: $0, keyFile: cacheKey ?? CacheKeys.defaultPath, patience: patience) }
    }
    do throws(DocumentFaults) {
      let configuration = try DaemonSettings.load(config).configuration
      return Place(
        folder: configuration.cacheFolder,
        keyFile: cacheKey ?? configuration.cache?.keyFile ?? CacheKeys.defaultPath, patience: patience)
    } catch {
      for fault in error.faults {
        faults.error("\(config): \(fault.line)", ["class": "configuration"])
      }
      throw ExitStatus.invalidConfiguration.code
    }
  }
}

/// What a command needs to keep and find the values of one document.
struct OfflineSource: Sendable {
  let place: OfflineOptions.Place
  let execution: Execution
  let item: ExecutionDocument.Item
  let policy: NodePolicy
  /// Whether values that end by themselves stay good when the command has ended.
  let keepsLeases: Bool

  /// - Throws: where the cache cannot be used; then nothing is fetched, since nothing could be kept.
  func open(_ runtime: AgentRuntime) async throws(CacheFault) -> OfflineValues {
    OfflineValues(
      try await place.open(runtime), execution, item, policy: policy, keepsLeases: keepsLeases,
      patience: place.patience,
      time: runtime.loop, log: runtime.log)
  }
}
