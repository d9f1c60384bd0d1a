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
    json.member("execution", execution)
    json.member("generation", number)
    json.member("delivered_at", CivilTime(unixTime: unixTime).internetText)
    json.name("secrets")
    json.beginArray()
    for secret in generation.secrets.sorted(by: { $0.name < $1.name }) {
      json.beginObject()
      json.member("name", secret.name)
      if let version = secret.version {
        json.member("version", version)
      }
      json.member(
        "fetched_at", CivilTime(unixTime: unixTime - secret.fetchedAt.duration(to: now).components.seconds).internetText
      )
      if let expiry = secret.expiry {
        json.member(
          "expires_at", CivilTime(unixTime: unixTime + now.duration(to: expiry).components.seconds).internetText)
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

  /// What a manifest says of the generation beside it.
  struct InPlace {
    let number: Int64
    /// When the oldest of its values was fetched, in Unix seconds; `nil` where it does not say so of one.
    let oldestFetch: Int64?
  }

  /// `nil` where it is not one of `execution`, or its number cannot be ours.
  static func generation(in manifest: SecretBytes, of execution: String) -> InPlace? {
    guard let json = try? JSONValue.parse(manifest, limits: .document), json.member("execution")?.text == execution,
      let number = json.member("generation")?.int64, (1...most).contains(number)
    else {
      return nil
    }
    return InPlace(number: number, oldestFetch: oldestFetch(in: json))
  }

  private static func oldestFetch(in json: JSONValue) -> Int64? {
    guard let secrets = json.member("secrets"), secrets.kind == .array else {
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
