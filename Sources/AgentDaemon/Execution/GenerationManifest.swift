import EventLoop
import ExecutionModel
import JSONReader
import Refresh
import Resolution
import SecretBytes
import Text

/// The file beside the secrets that tells which generation they are. It holds names, versions and times; never a value, nor a digest
/// of one, since a digest of a short secret gives it away.
enum GenerationManifest {
  /// - Parameter isSealed: whether the sealed cache has this generation; `nil`: there is none.
  static func write(
    _ generation: Generation, number: Int64, execution: String, isSealed: Bool?, now: Moment, unixTime: Int64
  ) -> SecretBytes {
    var json = JSONWriter(pretty: true)
    json.beginObject()
    json.member("execution", execution)
    json.member("generation", number)
    json.member("delivered_at", CivilTime(unixTime: unixTime).internetText)
    if let isSealed {
      json.member("sealed", isSealed)
    }
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
  struct InPlace: Sendable {
    struct Secret: Sendable {
      let version: String?
      /// In Unix seconds.
      let fetchedAt: Int64?
    }

    let number: Int64
    /// Whether the sealed cache had all of it before it was there: what the cache has now is no older then. One that does not say so
    /// may be newer, as of a daemon without a cache.
    let isSealed: Bool
    let secrets: [String: Secret]

    /// When the oldest of its values was fetched, in Unix seconds; `nil` where it does not say so of one.
    var oldestFetch: Int64? {
      secrets.values.reduce(Int64?.some(.max)) { oldest, secret in
        oldest.flatMap { oldest in secret.fetchedAt.map { min(oldest, $0) } }
      }.flatMap { $0 == .max ? nil : $0 }
    }

    /// Whether it may be newer than a value of an earlier life of the daemon that `plan` would put in its place.
    func isAhead(of plan: ExecutionPlan, _ states: [Reference: ReferenceState]) -> Bool {
      plan.items.contains { item in
        guard let state = states[item.entry.reference], state.isRestored, let value = state.value else {
          return false
        }
        return item.entry.outputs.contains { output in
          !output.isPrevious && isAhead(in: output.name, of: value.version, seenUnix: state.lastSuccessUnix)
        }
      }
    }

    private func isAhead(in name: String, of version: String?, seenUnix: Int64?) -> Bool {
      guard let secret = secrets[name], version == nil || secret.version != version else {
        return false
      }
      guard isSealed, let fetched = secret.fetchedAt, let seenUnix else {
        return !isSealed
      }
      // An older cache was put back; the two seconds may each be cut off at another end.
      return fetched > seenUnix + 1
    }
  }

  /// `nil` where it is not one of `execution`, or its number cannot be ours.
  static func generation(in manifest: SecretBytes, of execution: String) -> InPlace? {
    guard let json = try? JSONValue.parse(manifest, limits: .document), json.member("execution")?.text == execution,
      let number = json.member("generation")?.int64, (1...most).contains(number)
    else {
      return nil
    }
    return InPlace(number: number, isSealed: json.member("sealed")?.boolean == true, secrets: secrets(in: json))
  }

  private static func secrets(in json: JSONValue) -> [String: InPlace.Secret] {
    guard let list = json.member("secrets"), list.kind == .array else {
      return [:]
    }
    var secrets: [String: InPlace.Secret] = [:]
    for secret in list.elements {
      secrets[secret.member("name")?.text ?? ""] = InPlace.Secret(
        version: secret.member("version")?.text,
        fetchedAt: secret.member("fetched_at")?.text.flatMap { CivilTime(internetText: $0)?.unixTime })
    }
    return secrets
  }
}
