import ExecutionModel
import HTTPTransport
import JSONReader
import SecretBytes
import Text

/// What a server's answers are made into before anything of them is shown or believed.
extension OpenConnection {
  /// The JSON of an answer's body.
  ///
  /// - Parameters:
  ///   - service: whose answer it should be, as `Key Vault`.
  ///   - field: which field of the document leads there, as `vault_url`.
  public func json(
    _ response: HTTPResponse, of service: String, namedBy field: String? = nil, about reference: String? = nil
  ) throws(ProviderFailure) -> JSONValue {
    do throws(JSONFault) {
      return try JSONValue.parse(response.body, limits: .payload)
    } catch {
      let type = response.headers.first("Content-Type").map { ShownText.clean($0) } ?? "no content type"
      throw failures.make(
        .malformed, "the answer is not JSON (\(type)): \(error)", reference: reference, status: response.status,
        from: .stranger, hint: "check that \(field ?? "the address") is \(service)'s, not a proxy's or a web page's")
    }
  }

  /// The JSON of an answer that may have none.
  public func json(ifAny response: HTTPResponse) -> JSONValue? {
    try? JSONValue.parse(response.body, limits: .payload)
  }

  /// A failure that an answer tells of, with its status and the wait that it asks for.
  ///
  /// Only the service itself can deny a value or know it to be missing. What is not in the form of its API is a proxy's, a gateway's or
  /// a captive portal's, whatever its status, and JSON or not: malformed, so that nothing that is held is given up for it.
  ///
  /// - Parameter source: whose answer it is: the service's where it has the form of an error that the service's API documents; each
  ///   adapter knows it by one place.
  public func failure(
    _ kind: ProviderFailure.Class, _ message: String, _ response: HTTPResponse, about reference: String? = nil,
    from source: ProviderFailure.Source = .stranger, hint: String? = nil
  ) -> ProviderFailure {
    guard source != .stranger || (kind != .denied && kind != .missing) else {
      return stranger(response, about: reference)
    }
    return failures.make(
      kind, message, reference: reference, status: response.status,
      retryAfter: kind == .throttled || kind == .transient
        ? RetryAfter.wait(response, unixTime: services.time.unixTime) : nil, from: source, hint: hint)
  }

  /// The failure that an answer is which is not the service's own.
  public func stranger(
    _ response: HTTPResponse, about reference: String? = nil, _ message: String = "an answer that is not the service's",
    hint: String = "check the address, and what stands in between: a proxy, or a network that wants a sign-in"
  ) -> ProviderFailure {
    failures.make(
      .malformed, message, reference: reference, status: response.status, from: .stranger, hint: hint)
  }

  /// A server's own words on one line, cut and cleaned; `nil` where there are none, or where they repeat a withheld credential.
  public func words(_ text: String?, atMost longest: Int = 200) -> String? {
    guard let text, !credentials.isRepeated(in: text) else {
      return nil
    }
    let line = text.split(whereSeparator: \.isNewline).map { $0.drop(while: { $0 == " " || $0 == "\t" || $0 == "*" }) }
      .filter { !$0.isEmpty }.joined(separator: " ")
    return line.isEmpty ? nil : ShownText.clean(line, atMost: longest)
  }
}

/// The errors of OAuth's token endpoints (RFC 6749 §5.2), which Entra ID and Google have in common.
public enum OAuthError {
  private static let codes: Set<String> = [
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope", "access_denied", "invalid_target", "server_error", "temporarily_unavailable",
  ]

  /// The error's code, where an answer has the form: a code of the standard's, or one that a description stands beside. A gateway's
  /// `{"error": "not found"}` has neither.
  public static func code(_ json: JSONValue?) -> String? {
    guard let code = json?.member("error")?.text,
      codes.contains(code) || json?.member("error_description")?.text?.isEmpty == false
    else {
      return nil
    }
    return code
  }
}

extension HTTPHeader {
  /// `Authorization: Bearer TOKEN`.
  public static func bearer(_ token: SecretBytes) -> HTTPHeader {
    var value = SecretBuffer(capacity: token.count + 7)
    value.append("Bearer " as StaticString)
    value.append(token)
    return HTTPHeader("Authorization", secret: value.finish())
  }
}
