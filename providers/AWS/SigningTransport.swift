import AWSSigning
import EventLoop
import HTTPTransport

/// Signs each request at the moment of sending: a retry after a long pause carries a fresh time.
struct SigningTransport: HTTPSending {
  let inner: any HTTPSending
  let signature: SignatureVersion4
  let credentials: AWSCredentials
  let skew: ClockSkew
  let time: any TimeSource

  func send(_ request: HTTPRequest) async throws(TransportFailure) -> HTTPResponse {
    let added = signature.headers(signing: request, with: credentials, at: skew.now(time.unixTime))
    return try await inner.send(
      HTTPRequest(
        method: request.method, url: request.url, headers: request.headers + added, body: request.body,
        timeout: request.timeout, maximumResponseBytes: request.maximumResponseBytes))
  }
}
