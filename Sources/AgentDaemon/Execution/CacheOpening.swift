import EventLoop
import Logging
import Masking
import SealedCache

extension GenerationCache {
  /// The cache of `configuration`; `nil` where it has none. Then files of an earlier configuration are told of: nobody looks after them.
  static func open(
    _ configuration: AgentConfiguration, on loop: EventLoop, log: Logger, hiding hidden: LiveValues
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
    for reason in keys.unopened {
      log.warning("an older key of the cache does not open", metadata: ["reason": "\(reason)"])
    }
    return GenerationCache(try CacheFolder(configuration.cacheFolder, keys), hiding: hidden)
  }

  /// Why the daemon would not start with the cache of `configuration`, in its own words; `nil`: it would, or has none. Makes nothing.
  public static func obstacle(_ configuration: AgentConfiguration, on loop: EventLoop) async -> String? {
    guard let settings = configuration.cache else {
      return nil
    }
    do throws(CacheFault) {
      _ = try await CacheKeys.load(path: settings.keyFile, tpm: TPMSeal(on: loop))
      try CacheFolder.check(configuration.cacheFolder)
      return nil
    } catch {
      return unusable(error)
    }
  }

  static func unusable(_ fault: CacheFault) -> String { "the sealed cache cannot be used: \(fault)" }
}
