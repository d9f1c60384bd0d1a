import JSONReader
import SecretBytes
import Synchronization

/// Answers AWS's APIs from a state behind one lock.
final class AWSFakeCore: FakeCore {
  static let requestID = "7a62c49f-347e-4fc4-9331-6e8e00000000"

  private let state: Mutex<AWSFakeState>
  private let clock: @Sendable () -> Int64

  init(region: String, clock: @escaping @Sendable () -> Int64) {
    self.state = Mutex(AWSFakeState(region: region))
    self.clock = clock
  }

  /// Unix time, without what the fake's clock was moved by.
  var now: Int64 { clock() }

  func change<R: Sendable>(_ body: (inout AWSFakeState) -> R) -> R {
    state.withLock { body(&$0) }
  }

  func answer(_ request: RecordedRequest, scheme: String) -> FakeReply {
    let time = now
    return state.withLock { state in
      let now = time + state.clockOffset
      var reply =
        state.metadata(request, now: now)
        ?? (request.headers["x-amz-target"] == nil ? state.query(request, now: now) : state.json(request, now: now))
      reply.headers.append(("Date", AWSFakeTime.http(now)))
      reply.headers.append(("x-amzn-RequestId", Self.requestID))
      return reply
    }
  }

  func administer(_ request: RecordedRequest) -> FakeReply? {
    switch request.line {
    case "POST /_fake/aws/advance":
      guard let seconds = request.query["seconds"].flatMap(Int64.init) else {
        return .errors(400, "seconds is missing")
      }
      change { $0.clockOffset += seconds }
    case "POST /_fake/aws/deny":
      guard let action = request.query["action"] else {
        return .errors(400, "action is missing")
      }
      change { $0.denials.append(.init(action: action, resource: request.query["resource"] ?? "*")) }
    case "POST /_fake/aws/allow":
      change { $0.denials = [] }
    default:
      return nil
    }
    return .noContent
  }
}

/// A request whose signature was checked.
struct AWSFakeCall {
  let principal: String
  let now: Int64
  let body: JSONValue

  func text(_ name: String) -> String? { body.member(name)?.text }
}

extension AWSFakeState {
  /// A call of a JSON service, which the target header names.
  mutating func json(_ request: RecordedRequest, now: Int64) -> FakeReply {
    let services = ["secretsmanager": "secretsmanager", "AmazonSSM": "ssm"]
    let target = (request.headers["x-amz-target"] ?? "").split(separator: ".").map(String.init)
    do throws(AWSFakeRefusal) {
      guard request.method == "POST", target.count == 2, let service = services[target[0]] else {
        throw AWSFakeRefusal(code: "UnknownOperationException", message: "")
      }
      guard request.headers["content-type"] == "application/x-amz-json-1.1" else {
        throw AWSFakeRefusal(code: "UnknownOperationException", status: 404, message: "")
      }
      let principal = try principal(of: request, service: service, now: now)
      guard let body = try? JSONValue.parse(SecretBytes(request.body), limits: .payload), body.kind == .object else {
        throw AWSFakeRefusal(code: "SerializationException", message: "")
      }
      let call = AWSFakeCall(principal: principal, now: now, body: body)
      let text = service == "ssm" ? try parameters(target[1], call) : try secretsManager(target[1], call)
      return FakeReply(status: 200, headers: [("Content-Type", "application/x-amz-json-1.1")], body: text)
    } catch {
      return FakeReply(
        status: error.status, headers: [("Content-Type", "application/x-amz-json-1.1")], body: error.json)
    }
  }

  /// Who signed `request`.
  func principal(of request: RecordedRequest, service: String, now: Int64) throws(AWSFakeRefusal) -> String {
    let signature = try AWSFakeSignature(request)
    guard let key = accessKeys[signature.accessKey] else {
      throw .unknownClient
    }
    try signature.verify(key, service: service, region: region, now: now)
    return key.principal
  }

  func check(_ action: String, on name: String, arn: String, _ call: AWSFakeCall) throws(AWSFakeRefusal) {
    if denials.contains(where: { $0.covers(action, name) }) {
      throw .denied(call.principal, action, arn)
    }
  }
}
