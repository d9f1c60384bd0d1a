import EventLoop
import Logging
import SealedCache

extension GenerationCache {
  /// The cache of `configuration`; `nil` where it has none. Then files of an earlier configuration are told of: nobody looks after them.
  static func open(
    _ configuration: AgentConfiguration, on loop: EventLoop, log: Logger
  ) async throws(CacheFault) -> GenerationCache? {
    guard let settings = configuration.cache else {
      let left = CacheFiles(configuration.cacheFolder).count
      if left > 0 {
        log.warning(
          "the cache is off, and values that it sealed are still there",
          metadata: [
            "folder": "\(configuration.cacheFolder)", "files": .stringConvertible(left),
            "hint": "secrets-agent cache purge --config FILE",
          ])
      }
      return nil
    }
    let keys = try await CacheKeys.load(path: settings.keyFile, tpm: TPMSeal(on: loop))
    return GenerationCache(try CacheFolder(configuration.cacheFolder, keys))
  }
}
