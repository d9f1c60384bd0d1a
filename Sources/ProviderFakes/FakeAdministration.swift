import JSONReader
import SecretBytes

/// The endpoints below `/_fake/`, for tests that drive executables: what was asked, faults.
///
/// - `GET /_fake/requests`: `{"requests": ["GET /v1/…", …]}`; `DELETE` forgets them.
/// - `POST /_fake/faults` with `{"fault": "status", "argument": 503, "on": "GET /v1/secret/*", "times": 2, "every": 1}`; `DELETE` ends all.
struct FakeAdministration: Sendable {
  let recorder: RequestRecorder
  let faults: FaultTable

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
