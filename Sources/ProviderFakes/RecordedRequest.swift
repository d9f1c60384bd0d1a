import Synchronization

/// One request as a fake received it.
public struct RecordedRequest: Sendable {
  public let method: String
  /// Without the query.
  public let path: String
  public let query: [String: String]
  /// As it was sent, with every value of a name that is there more than once.
  public let rawQuery: String
  /// Names in lower case.
  public let headers: [String: String]
  public let body: String
  /// Counts connections from 1.
  public let connection: Int

  /// `GET /v1/secret/data/web`.
  public var line: String { "\(method) \(path)" }

  /// The operation of a service that has one path for all: `GetSecretValue` of an `X-Amz-Target` header or of a form's `Action`.
  public var operation: String? {
    if let target = headers["x-amz-target"] {
      return target.split(separator: ".").last.map(String.init)
    }
    guard headers["content-type"]?.hasPrefix("application/x-www-form-urlencoded") == true else {
      return nil
    }
    return body.split(separator: "&").first { $0.hasPrefix("Action=") }.map { String($0.dropFirst(7)) }
  }
}

/// What a fake was asked, in order.
public final class RequestRecorder: Sendable {
  private let state = Mutex<[RecordedRequest]>([])

  public init() {}

  public var requests: [RecordedRequest] { state.withLock { $0 } }

  /// How many requests match `pattern`, as `GET /v1/secret/*`.
  public func count(_ pattern: String) -> Int {
    requests.count { RoutePattern(pattern).matches($0) }
  }

  public func reset() {
    state.withLock { $0 = [] }
  }

  func add(_ request: RecordedRequest) {
    state.withLock { $0.append(request) }
  }
}

/// A method (or `*`) and a path, which may end in `*`; or the name of an operation, as `GetSecretValue`.
struct RoutePattern: Sendable {
  private let method: Substring
  private let path: Substring

  init(_ text: String) {
    let parts = text.split(separator: " ", maxSplits: 1)
    method = parts.count == 2 ? parts[0] : "*"
    path = parts.last ?? "*"
  }

  func matches(_ request: RecordedRequest) -> Bool {
    guard method == "*" || method == request.method else {
      return false
    }
    guard path.hasPrefix("/") || path.hasPrefix("*") else {
      return path.elementsEqual(request.operation ?? "")
    }
    return path.hasSuffix("*") ? request.path.hasPrefix(path.dropLast()) : request.path == path
  }
}
