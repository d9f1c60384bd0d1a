import CLibcurl
import EventLoop
import Glibc
import SecretBytes

/// One request on its way through one easy handle.
final class Transfer {
  /// Answers' header lines in all.
  private static let maximumHeaderBytes = 64 * 1024

  private let request: HTTPRequest
  private let options: HTTPClientOptions
  private let share: OpaquePointer?
  private var headers: UnsafeMutablePointer<curl_slist>?
  private(set) var handle: EasyHandle?

  init(request: HTTPRequest, options: HTTPClientOptions, share: OpaquePointer?) {
    self.request = request
    self.options = options
    self.share = share
  }

  deinit {
    release()
  }

  /// Sets `handle` up for this request. The transfer holds everything that libcurl is given a pointer to.
  func configure(_ handle: EasyHandle) -> TransportFailure? {
    self.handle = handle
    http_transfer_clear(handle.transfer)
    handle.transfer.pointee.body.limit = max(request.maximumResponseBytes, 0)
    handle.transfer.pointee.headers.limit = Self.maximumHeaderBytes
    handle.transfer.pointee.rule =
      switch options.addressRule {
      case .any: ADDRESS_ANY
      case .noLinkLocal: ADDRESS_NO_LINK_LOCAL
      case .loopbackOnly: ADDRESS_LOOPBACK_ONLY
      }
    guard makeHeaders() else {
      return failure(.invalidRequest, "out of memory")
    }
    let code = apply(to: handle)
    return code == CURLE_OK ? nil : failure(.invalidRequest, String(cString: curl_easy_strerror(code)))
  }

  private func makeHeaders() -> Bool {
    // Without these two libcurl would wait for a 100-continue, and name a content type of its own.
    for line in [
      "Expect:", request.headers.contains { $0.name.lowercased() == "content-type" } ? nil : "Content-Type:",
    ] {
      guard let line else {
        continue
      }
      headers = curl_slist_append(headers, line)
    }
    for header in request.headers {
      var line = SecretBuffer(capacity: header.name.utf8.count + header.value.count + 3)
      line.append(header.name)
      // A header without a value is written with a semicolon, or libcurl leaves it out.
      line.append(header.value.isEmpty ? ";" : ": ")
      line.append(header.value)
      line.append(0)
      let appended = line.finish().withUnsafeBytes { bytes in
        curl_slist_append(headers, bytes.assumingMemoryBound(to: CChar.self).baseAddress)
      }
      guard let appended else {
        return false
      }
      headers = appended
    }
    return true
  }

  private func apply(to handle: EasyHandle) -> CURLcode {
    var setup = http_setup()
    setup.headers = headers
    setup.timeout_ms = Self.milliseconds(request.timeout)
    setup.connect_timeout_ms = Self.milliseconds(options.connectTimeout)
    setup.skip_verify = options.tls.skipVerify
    // A proxy would be asked for its own loopback.
    setup.bypass_proxy = request.url.isLoopbackHost || options.unixSocket != nil || options.bypassesProxy
    setup.prior_knowledge = options.hasPriorKnowledge
    setup.share = share.map { UnsafeMutableRawPointer($0) }
    setup.has_body = request.body != nil
    let none = SecretBytes()
    // Storage of SecretBytes does not move, and `request` and `options` outlive the transfer.
    (request.body ?? none).withUnsafeBytes { (setup.body, setup.body_count) = ($0.baseAddress, $0.count) }
    (options.tls.ca ?? none).withUnsafeBytes { (setup.ca_pem, setup.ca_pem_count) = ($0.baseAddress, $0.count) }
    (options.tls.clientCertificate ?? none).withUnsafeBytes {
      (setup.certificate_pem, setup.certificate_pem_count) = ($0.baseAddress, $0.count)
    }
    (options.tls.clientKey ?? none).withUnsafeBytes {
      (setup.key_pem, setup.key_pem_count) = ($0.baseAddress, $0.count)
    }
    // libcurl copies strings when they are set.
    return request.url.description.withCString { url in
      request.method.rawValue.withCString { method in
        options.userAgent.withCString { agent in
          Self.withOptionalCString(options.unixSocket) { socket in
            Self.withOptionalCString(TrustStore.path) { store in
              setup.url = url
              setup.method = method
              setup.user_agent = agent
              setup.unix_socket = socket
              setup.ca_file = store
              return http_transfer_configure(handle.transfer, &setup)
            }
          }
        }
      }
    }
  }

  private static func withOptionalCString<R>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
    text?.withCString(body) ?? body(nil)
  }

  private static func milliseconds(_ span: Duration) -> Int {
    // libcurl refuses what does not fit its int, and would then have no limit at all.
    min(max(1, Int(span.saturatingNanoseconds / 1_000_000)), Int(Int32.max))
  }

  // MARK: - The end

  /// How long it took to have a connection; nothing on a kept one.
  var connecting: Duration {
    guard let handle else {
      return .zero
    }
    return .microseconds(Int64(http_transfer_connect_seconds(handle.easy) * 1_000_000))
  }

  /// Whether the answer came over a connection that many calls share at once: by its status line.
  var isMultiplexed: Bool {
    guard let headers = handle?.transfer.pointee.headers, headers.count > 5 else {
      return false
    }
    return headers.bytes[5] == UInt8(ascii: "2") || headers.bytes[5] == UInt8(ascii: "3")
  }

  func outcome(_ code: CURLcode) -> Result<HTTPResponse, TransportFailure> {
    guard let handle else {
      return .failure(failure(.invalidRequest))
    }
    let transfer = handle.transfer
    guard code == CURLE_OK else {
      let words = withUnsafePointer(to: &transfer.pointee.error) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(CURL_ERROR_SIZE)) { String(cString: $0) }
      }
      let system = http_transfer_system_error(handle.easy)
      // libcurl's words repeat host and port, and leave out the reason that the system gave.
      let detail =
        code == CURLE_COULDNT_CONNECT && system != 0
        ? String(cString: strerror(Int32(truncatingIfNeeded: system))) : words
      let outcome = CurlOutcome(
        code: code, detail: detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail,
        verifyResult: http_transfer_verify_result(handle.easy),
        wasConnected: http_transfer_connect_seconds(handle.easy) > 0,
        addressRefused: transfer.pointee.address_refused, bodyOverflowed: transfer.pointee.body.overflowed,
        limit: request.maximumResponseBytes)
      return .failure(failure(outcome.kind, outcome.detail + clientCertificateHint(outcome.kind, transfer)))
    }
    let header = transfer.pointee.headers
    let fields = HTTPFields(block: UnsafeRawBufferPointer(start: header.bytes, count: header.count))
    return .success(
      HTTPResponse(status: http_transfer_status(handle.easy), headers: fields, body: takeBody(transfer)))
  }

  /// In TLS 1.3 a server that wants a client certificate says so after the handshake, and often hangs up before that is read.
  private func clientCertificateHint(
    _ kind: TransportFailure.Kind, _ transfer: UnsafeMutablePointer<http_transfer>
  ) -> String {
    guard kind == .interrupted, request.url.scheme == .https, transfer.pointee.headers.count == 0 else {
      return ""
    }
    return options.tls.clientCertificate == nil
      ? " (perhaps it asks for a client certificate)" : " (perhaps it refuses the client certificate)"
  }

  /// The buffer that the callback filled, adopted as it is.
  private func takeBody(_ transfer: UnsafeMutablePointer<http_transfer>) -> SecretBytes {
    let body = transfer.pointee.body
    guard let bytes = body.bytes else {
      return SecretBytes()
    }
    transfer.pointee.body.bytes = nil
    transfer.pointee.body.count = 0
    transfer.pointee.body.capacity = 0
    return SecretBytes(
      adoptingMalloc: UnsafeMutableRawPointer(bytes), count: body.count, capacity: body.capacity)
  }

  func failure(_ kind: TransportFailure.Kind, _ detail: String = "") -> TransportFailure {
    TransportFailure(kind, of: request, by: options, detail)
  }

  /// Gives the handle free; header lines and what is left in the buffers are overwritten.
  func release() {
    if let handle {
      http_transfer_clear(handle.transfer)
    }
    handle = nil
    http_headers_free(headers)
    headers = nil
  }
}

/// Where the system keeps the authorities that it trusts.
enum TrustStore {
  /// `SSL_CERT_FILE` where it is set, else the first bundle that is there: Debian's and Alpine's, Fedora's, SUSE's.
  static let path: String? = {
    if let given = getenv("SSL_CERT_FILE") {
      return String(cString: given)
    }
    let known = [
      "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
      "/etc/ssl/cert.pem",
    ]
    return known.first { access($0, R_OK) == 0 }
  }()
}
