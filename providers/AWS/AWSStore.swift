import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes

/// A service that keeps values and speaks the JSON protocol (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html), read
/// with the credentials of one connection.
struct AWSStore: Sendable {
  let connection: OpenConnection
  let service: AWSService
  let session: Session<ResolvedCredentials>
  /// Before the operation in `X-Amz-Target`.
  private let target: String

  init(_ name: AWSService.Name, target: String, _ settings: AWSConnection, over connection: OpenConnection) {
    let context = AWSContext(connection: connection, settings: settings)
    self.connection = connection
    self.target = target
    service = AWSService(name, context)
    session = CredentialSearch(context, for: service).session()
  }

  /// One value by a call of its own.
  ///
  /// - Parameter write: writes the members of the request.
  func fetch(
    _ operation: String, about reference: String, _ write: (inout JSONWriter) -> Void,
    read: (JSONValue) throws(ProviderFailure) -> FetchedSecret
  ) async -> FetchResult {
    do throws(ProviderFailure) {
      switch try await send(operation, about: reference, write).reply {
      case .accepted(let response): return .success(try read(try json(response, about: reference)))
      case .refused(_, let failure): return .failure(failure)
      }
    } catch {
      return .failure(error)
    }
  }

  /// Many values by one call.
  ///
  /// - Parameters:
  ///   - values: how many the answer may hold.
  ///   - read: gives a result a value; `nil`: it is to be asked for by itself.
  func fetchBatch(
    _ operation: String, values: Int, _ write: (inout JSONWriter) -> Void,
    read: (JSONValue, ResolvedCredentials) -> [FetchResult?]
  ) async -> BatchFetch.Outcome {
    do throws(ProviderFailure) {
      let (reply, identity) = try await send(operation, values: values, write)
      switch reply {
      case .accepted(let response): return .answered(read(try json(response), identity))
      case .refused(let error, let failure): return BatchFetch.Outcome(error, failure)
      }
    } catch {
      return .failed(error)
    }
  }

  private func send(
    _ operation: String, about reference: String? = nil, values: Int = 1, _ write: (inout JSONWriter) -> Void
  ) async throws(ProviderFailure) -> (reply: AWSService.Reply, identity: ResolvedCredentials) {
    var json = JSONWriter()
    json.beginObject()
    write(&json)
    json.endObject()
    let body = json.finish()
    return try await service.send(as: session) { identity in
      AWSService.Call(
        headers: [
          HTTPHeader("Content-Type", "application/x-amz-json-1.1"),
          HTTPHeader("X-Amz-Target", "\(target).\(operation)"),
        ], body: body,
        // A value of 64 KiB takes up to six times as much in JSON's escapes.
        maximumBytes: min(max(connection.services.limits.responseBytes, values * 512 * 1024), 16 * 1024 * 1024),
        reference: reference, keys: identity.credentials
      ) { error, response in
        failure(error, response, about: Subject(reference: reference, operation: operation, identity: identity))
      }
    }
  }

  private func json(_ response: HTTPResponse, about reference: String? = nil) throws(ProviderFailure) -> JSONValue {
    try connection.json(response, of: "AWS", namedBy: "what endpoint_url or the region names", about: reference)
  }

  /// The answer lacks what the API promises.
  func incomplete(_ what: String, _ reference: String) -> ProviderFailure {
    connection.failures.make(.malformed, "the answer has no \(what)", reference: reference, from: .stranger)
  }

  func value(_ payload: SecretBytes, version: String?) -> FetchedSecret {
    FetchedSecret(payload: payload, version: version, fetchedAt: connection.services.time.now)
  }
}

extension JSONWriter {
  mutating func member(_ name: String, _ values: [String]) {
    self.name(name)
    beginArray()
    for value in values {
      string(value)
    }
    endArray()
  }
}
