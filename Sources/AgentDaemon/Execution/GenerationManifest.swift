import EventLoop
import JSONReader
import Resolution
import SecretBytes
import Text

/// The file beside the secrets that tells which generation they are. It holds names, versions and times; never a value, nor a digest
/// of one, since a digest of a short secret gives it away.
enum GenerationManifest {
  static func write(
    _ generation: Generation, number: Int64, execution: String, now: Moment, unixTime: Int64
  ) -> SecretBytes {
    var json = JSONWriter(pretty: true)
    json.beginObject()
    json.name("execution")
    json.string(execution)
    json.name("generation")
    json.number(number)
    json.name("delivered_at")
    json.string(CivilTime(unixTime: unixTime).internetText)
    json.name("secrets")
    json.beginArray()
    for secret in generation.secrets.sorted(by: { $0.name < $1.name }) {
      json.beginObject()
      json.name("name")
      json.string(secret.name)
      if let version = secret.version {
        json.name("version")
        json.string(version)
      }
      json.name("fetched_at")
      json.string(CivilTime(unixTime: unixTime - secret.fetchedAt.duration(to: now).components.seconds).internetText)
      if let expiry = secret.expiry {
        json.name("expires_at")
        json.string(CivilTime(unixTime: unixTime + now.duration(to: expiry).components.seconds).internetText)
      }
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.finish()
  }

  /// More generations than a node delivers. The manifest lies in the workload's folder, so what it says is a stranger's: a number
  /// near the end of the range would overflow with the next one.
  static let most: Int64 = 1 << 53

  /// The generation's number in a manifest; `nil` where it is not one of `execution`, or cannot be ours.
  static func number(in manifest: SecretBytes, of execution: String) -> Int64? {
    guard let json = try? JSONValue.parse(manifest, limits: .document), json.member("execution")?.text == execution,
      let number = json.member("generation")?.int64, (1...most).contains(number)
    else {
      return nil
    }
    return number
  }

  /// When the oldest of its values was fetched, in Unix seconds; `nil` where it does not say so of one.
  static func oldestFetch(in manifest: SecretBytes) -> Int64? {
    guard let json = try? JSONValue.parse(manifest, limits: .document), let secrets = json.member("secrets"),
      secrets.kind == .array
    else {
      return nil
    }
    var oldest: Int64?
    for secret in secrets.elements {
      guard let time = secret.member("fetched_at")?.text.flatMap({ CivilTime(internetText: $0)?.unixTime }) else {
        return nil
      }
      oldest = min(oldest ?? time, time)
    }
    return oldest
  }
}
