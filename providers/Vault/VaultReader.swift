import EventLoop
import ExecutionModel
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// Reads one secret: KV version 2, KV version 1, or any engine that answers a read.
struct VaultReader: Sendable {
  /// A read value with the lease that it hangs on.
  struct Read: Sendable {
    let secret: FetchedSecret
    let lease: VaultLease?
  }

  let api: VaultAPI

  private var failures: FailureMaker { api.connection.failures }

  func read(_ lookup: VaultLookup, token: SecretBytes) async throws(ProviderFailure) -> Read {
    var call = VaultAPI.Call(path: lookup.readPath, token: token, reference: lookup.description, accepts: [404])
    if let version = lookup.version {
      call.query = [("version", version)]
    }
    let sentAt = api.connection.services.time.now
    let answer = try await api.send(call)
    guard answer.status != 404 else {
      throw absent(answer.json, lookup)
    }
    guard let json = answer.json, let data = json.member("data") else {
      throw api.errors.incomplete("data", lookup.description)
    }
    return lookup.isVersioned
      ? try versioned(data, json, lookup, sentAt) : try plain(data, json, lookup, sentAt)
  }

  /// KV version 2 (https://openbao.org/api-docs/secret/kv/kv-v2/#read-secret-version).
  private func versioned(
    _ data: JSONValue, _ json: JSONValue, _ lookup: VaultLookup, _ moment: Moment
  ) throws(ProviderFailure) -> Read {
    guard let metadata = data.member("metadata"), let value = data.member("data") else {
      guard data.kind == .object, json.member("lease_id") != nil else {
        throw api.errors.incomplete("data of KV version 2", lookup.description)
      }
      throw failures.make(
        .malformed, "the answer is not KV version 2's", reference: lookup.description, hint: "set engine_version: 1")
    }
    guard value.kind == .object else {
      throw gone(metadata, lookup) ?? api.errors.incomplete("object of fields", lookup.description)
    }
    let version = metadata.member("version")?.sourceText.unsafeString()
    let secret = FetchedSecret(payload: value.sourceText.detached(), version: version, fetchedAt: moment)
    return Read(secret: secret, lease: nil)
  }

  /// KV version 1 and engines other than KV (https://openbao.org/api-docs/secret/kv/kv-v1/#read-secret).
  private func plain(
    _ data: JSONValue, _ json: JSONValue, _ lookup: VaultLookup, _ moment: Moment
  ) throws(ProviderFailure) -> Read {
    guard data.kind == .object, json.member("lease_id") != nil else {
      throw api.errors.incomplete("object of fields", lookup.description)
    }
    let lease = VaultLease(json, at: moment)
    let secret = FetchedSecret(payload: data.sourceText.detached(), expiry: lease?.expiry, fetchedAt: moment)
    return Read(secret: secret, lease: lease)
  }

  // MARK: - What a 404 means

  private func absent(_ json: JSONValue?, _ lookup: VaultLookup) -> ProviderFailure {
    func missing(_ message: String, _ hint: String) -> ProviderFailure {
      failures.make(.missing, message, reference: lookup.description, status: 404, hint: hint)
    }
    if let metadata = json?.member("data")?.member("metadata"), let failure = gone(metadata, lookup) {
      return failure
    }
    if json?.member("errors")?.element(0)?.text?.contains("no handler for route") == true {
      return missing("no secrets engine is mounted at \(ShownText.clean(lookup.mount))", "check mount and namespace")
    }
    let warning = json?.member("warnings")?.element(0)?.text
    if !lookup.isVersioned, warning?.contains("versioned K/V") == true {
      return missing("the mount is a KV version 2 engine", "set engine_version: 2")
    }
    guard lookup.isVersioned else {
      return missing("no secret at this path", "check mount and secret_path; engine_version is 1")
    }
    return missing(
      lookup.version.map { "no secret at this path or no version \($0) of it" } ?? "no secret at this path",
      lookup.pathHint
        ?? "check mount and secret_path, or set engine_version: 1 if the mount is not a KV version 2 engine")
  }

  /// A version that was there: deleted and destroyed ones answer 404 with their metadata.
  private func gone(_ metadata: JSONValue, _ lookup: VaultLookup) -> ProviderFailure? {
    let version = metadata.member("version")?.int64.map { "version \($0)" } ?? "the version"
    if metadata.member("destroyed")?.boolean == true {
      return failures.make(
        .missing, "\(version) was destroyed", reference: lookup.description, status: 404,
        hint: "write a new version, or pin another")
    }
    if let time = metadata.member("deletion_time")?.text, !time.isEmpty {
      return failures.make(
        .missing, "\(version) was deleted at \(ShownText.clean(time))", reference: lookup.description, status: 404,
        hint: "undelete it, write a new version, or pin another")
    }
    return nil
  }
}
