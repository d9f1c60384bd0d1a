import JSONReader
import SecretBytes

/// The endpoints below `/_fake/`, for tests that drive executables: what was asked, faults, time.
///
/// - `GET /_fake/requests`: `{"requests": ["GET /v1/…", …]}`; `DELETE` forgets them.
/// - `POST /_fake/faults` with `{"fault": "status", "argument": 503, "on": "GET /v1/secret/*", "times": 2, "every": 1}`; `DELETE` ends all.
/// - `POST /_fake/vault/advance?seconds=N`, `POST /_fake/vault/revoke-tokens`, `POST /_fake/vault/seal`, `POST /_fake/vault/unseal`.
struct FakeAdministration: Sendable {
  let recorder: RequestRecorder
  let faults: FaultTable
  /// `nil` at the fakes of other stores.
  var vault: VaultFakeCore?

  func answer(_ request: RecordedRequest) -> FakeReply {
    switch request.line {
    case "GET /_fake/requests":
      return requests()
    case "DELETE /_fake/requests":
      recorder.reset()
    case "POST /_fake/faults":
      return addFault(request)
    case "DELETE /_fake/faults":
      faults.clear()
    case "POST /_fake/vault/advance":
      guard let seconds = request.query["seconds"].flatMap(Double.init) else {
        return .errors(400, "seconds is missing")
      }
      vault?.change { $0.clockOffset += seconds }
    case "POST /_fake/vault/revoke-tokens":
      vault?.change { $0.tokens = $0.tokens.filter { $0.key == VaultFake.rootToken } }
    case "POST /_fake/vault/seal":
      vault?.change { $0.isSealed = true }
    case "POST /_fake/vault/unseal":
      vault?.change { $0.isSealed = false }
    default:
      return .errors(404, "no such endpoint")
    }
    return .noContent
  }

  private func requests() -> FakeReply {
    var json = JSONWriter()
    json.beginObject()
    json.name("requests")
    json.beginArray()
    for request in recorder.requests {
      json.string(request.line + (request.operation.map { " \($0)" } ?? ""))
    }
    json.endArray()
    json.endObject()
    return .json(200, json.finish().unsafeString() ?? "")
  }

  private func addFault(_ request: RecordedRequest) -> FakeReply {
    guard
      let body = try? JSONValue.parse(SecretBytes(request.body), limits: .payload),
      let word = body.member("fault")?.text, let fault = Fault(word: word, argument: body.member("argument"))
    else {
      return .errors(400, "fault is missing or unknown")
    }
    faults.add(
      fault, on: body.member("on")?.text ?? "*", times: body.member("times")?.int64.map { Int($0) },
      every: body.member("every")?.int64.map { Int($0) } ?? 1)
    return .noContent
  }
}
