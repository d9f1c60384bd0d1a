import CLibcurl
import Text

/// Why there was no answer. It holds no header, no body and no credential.
public struct TransportFailure: Error, Sendable, Equatable, CustomStringConvertible {
  public enum TLSReason: Sendable, Equatable {
    case nameMismatch
    case expired
    case notYetValid
    case untrusted
    /// The server wants a client certificate, or refused the one it got.
    case clientCertificate
    /// The server speaks nothing newer than TLS 1.1.
    case protocolVersion
    case other
  }

  public enum Phase: Sendable, Equatable {
    case connecting
    case waiting
  }

  public enum Kind: Sendable, Equatable {
    case nameResolution
    /// Refused, unreachable.
    case connect
    case proxy
    case tls(TLSReason)
    case timedOut(Phase)
    /// The connection ended before the answer did.
    case interrupted
    case tooLarge(limit: Int)
    /// What came was not HTTP.
    case malformed
    /// The address that the name resolves to is not allowed.
    case addressRefused
    /// The request itself cannot be sent.
    case invalidRequest
    /// The TLS options cannot be used: a CA that is no certificate, a key that does not match.
    case badOptions
    case cancelled
  }

  public let kind: Kind
  /// `host:port`, or the path of the Unix socket.
  public let host: String
  /// libcurl's own words; may be empty.
  public let detail: String

  public init(kind: Kind, host: String, detail: String) {
    self.kind = kind
    self.host = host
    self.detail = detail
  }

  init(_ kind: Kind, of request: HTTPRequest, by options: HTTPClientOptions, _ detail: String = "") {
    self.init(kind: kind, host: options.peer(of: request.url), detail: detail)
  }

  /// OpenSSL's words for the first bytes of an answer that are no TLS.
  private static let signsOfPlainText = ["wrong version number", "packet length too long"]

  public var description: String {
    let words = detail.isEmpty ? "" : ": \(detail)"
    return switch kind {
    case .nameResolution: "the name of \(host) cannot be resolved"
    case .connect: "no connection to \(host)\(words)"
    case .proxy: "the proxy for \(host) failed\(words)"
    case .tls(.nameMismatch): "the certificate of \(host) is for another name"
    case .tls(.expired): "the certificate of \(host) has expired"
    case .tls(.notYetValid): "the certificate of \(host) is not valid yet"
    case .tls(.untrusted): "the certificate of \(host) is signed by an unknown authority"
    case .tls(.clientCertificate): "\(host) refused the client certificate, or asks for one"
    case .tls(.protocolVersion): "\(host) speaks no TLS 1.2 or newer"
    case .tls(.other) where Self.signsOfPlainText.contains { detail.contains($0) }:
      "\(host) answers, but not in TLS; perhaps it speaks plain http"
    case .tls(.other): "TLS with \(host) failed\(words)"
    case .timedOut(.connecting): "no connection to \(host) in time"
    case .timedOut(.waiting): "no answer from \(host) in time"
    case .interrupted: "the connection to \(host) ended early\(words)"
    case .tooLarge(let limit): "the answer of \(host) is larger than \(limit) bytes"
    case .malformed where detail.contains("HTTP/0.9"): "\(host) does not answer in HTTP; perhaps it speaks https only"
    case .malformed: "\(host) does not answer in HTTP\(words)"
    case .addressRefused: "\(host) resolves to an address that is not allowed"
    case .invalidRequest: "the request to \(host) cannot be sent\(words)"
    case .badOptions: "the TLS options for \(host) cannot be used\(words)"
    case .cancelled: "the call to \(host) was given up"
    }
  }
}

/// libcurl's result as a failure.
struct CurlOutcome {
  let code: CURLcode
  let detail: String
  let verifyResult: Int
  let wasConnected: Bool
  let addressRefused: Bool
  let bodyOverflowed: Bool
  let limit: Int

  var kind: TransportFailure.Kind {
    if addressRefused {
      return .addressRefused
    }
    if bodyOverflowed {
      return .tooLarge(limit: limit)
    }
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST: return .nameResolution
    case CURLE_COULDNT_CONNECT: return .connect
    case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY: return .proxy
    case CURLE_OPERATION_TIMEDOUT: return .timedOut(wasConnected ? .waiting : .connecting)
    case CURLE_PEER_FAILED_VERIFICATION: return .tls(verification)
    case CURLE_SSL_CONNECT_ERROR: return .tls(handshake)
    case CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_CIPHER:
      return .badOptions
    case CURLE_RECV_ERROR where detail.contains("alert"), CURLE_SEND_ERROR where detail.contains("alert"):
      // TLS 1.3 tells of a client certificate it refuses only after the handshake.
      return .tls(handshake)
    case CURLE_RECV_ERROR where detail.contains("CONNECT"): return .proxy
    case CURLE_RECV_ERROR where detail.contains("chunked-encoding") || detail.contains("response headers"):
      return .malformed
    // A header line that is too long for libcurl, too.
    case CURLE_OUT_OF_MEMORY where wasConnected: return .malformed
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_HTTP2, CURLE_WRITE_ERROR,
      CURLE_BAD_CONTENT_ENCODING:
      return code == CURLE_HTTP2 ? .interrupted : .malformed
    case CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT, CURLE_OUT_OF_MEMORY: return .invalidRequest
    case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_HTTP2_STREAM:
      return .interrupted
    default:
      return .interrupted
    }
  }

  /// By OpenSSL's verification result (openssl-verification-options(1)). Until there is one it is 1, or 0 where the connection is an
  /// old one; libcurl compares names by itself.
  private var verification: TransportFailure.TLSReason {
    switch verifyResult {
    case 0, 1: detail.contains("subject name") || detail.contains("does not match") ? .nameMismatch : .other
    case 10: .expired
    case 9: .notYetValid
    case 62, 64: .nameMismatch
    case 2, 18, 19, 20, 21, 24, 27: .untrusted
    default: .other
    }
  }

  private var handshake: TransportFailure.TLSReason {
    if detail.contains("certificate required") || detail.contains("bad certificate")
      || detail.contains("unknown ca") || detail.contains("certificate unknown")
      || detail.contains("handshake failure") && verifyResult <= 1 && detail.contains("alert")
    {
      return .clientCertificate
    }
    if detail.contains("protocol version") || detail.contains("unsupported protocol")
      || detail.contains("no protocols available")
    {
      return .protocolVersion
    }
    // An authority of the right name whose key did not sign the certificate: OpenSSL names what it was doing, not what it means.
    return detail.contains("asn1 encoding routines") ? .untrusted : .other
  }
}
