import EventLoop
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// An access token and its life.
struct AzureAccessToken: Sendable {
  /// What ends sooner than this is replaced before it is used: a call may be on its way for a while.
  static let margin: Duration = .seconds(10)
  /// Of the longest token that is sent; Entra ID's have a few KiB, and gateways take less than this in a header.
  static let longestToken = 64 * 1024
  /// Ten years: what a service says beyond that is no end worth counting.
  static let longestSeconds: Int64 = 315_360_000

  let value: SecretBytes
  let lifetime: Duration
  let issuedAt: Moment
  /// How long after ``issuedAt`` a fresh one should be fetched, while this one goes on being good.
  let renewAfter: Duration

  var grant: Session<AzureAccessToken>.Grant {
    .init(
      credential: self, until: issuedAt.advanced(by: lifetime - Self.margin),
      renewAt: issuedAt.advanced(by: renewAfter))
  }

  /// Reads a token answer: Entra ID's (`expires_in` as a number), instance metadata's and App Service's (strings, `expires_on` in
  /// Unix time).
  ///
  /// - Parameter moment: when the request was sent.
  /// - Throws: where there is no token, or none that can be sent as a header, or one without a life left.
  init(_ json: JSONValue, at moment: Moment, unixTime: Int64) throws(Flaw) {
    guard let value = json.member("access_token")?.secret, !value.isEmpty else {
      throw .none
    }
    guard value.count <= Self.longestToken else {
      throw .tooLong(value.count)
    }
    guard value.withUnsafeBytes({ $0.allSatisfy { (0x21...0x7e).contains($0) } }),
      json.member("token_type")?.text.map({ $0.lowercased() == "bearer" }) ?? true
    else {
      throw .isNoBearer
    }
    guard let seconds = Self.seconds(json, unixTime: unixTime), seconds > 0 else {
      throw .hasNoLife
    }
    self.value = value.detached()
    self.lifetime = .seconds(min(seconds, Self.longestSeconds))
    self.issuedAt = moment
    if let hint = Self.number(json.member("refresh_in")), (1..<seconds).contains(hint) {
      renewAfter = .seconds(hint)
    } else if seconds >= 7200 {
      renewAfter = lifetime / 2
    } else {
      renewAfter = lifetime - RefreshWindow.lead(of: lifetime)
    }
  }

  /// Why an answer gives no token, in words that stand behind its name.
  enum Flaw: Error, CustomStringConvertible {
    case none
    case tooLong(Int)
    case isNoBearer
    case hasNoLife

    var description: String {
      switch self {
      case .none: "has no token"
      case .tooLong(let count): "has a token of \(count) bytes; at most \(AzureAccessToken.longestToken) are sent"
      case .isNoBearer: "has a token that is no bearer token"
      case .hasNoLife: "has a token whose life is no whole number of seconds above 0 (expires_in, expires_on)"
      }
    }
  }

  private static func seconds(_ json: JSONValue, unixTime: Int64) -> Int64? {
    if let seconds = number(json.member("expires_in")) {
      return seconds
    }
    guard let end = number(json.member("expires_on")) else {
      return nil
    }
    let (left, overflow) = end.subtractingReportingOverflow(unixTime)
    return overflow ? nil : left
  }

  /// A whole number, also as a string.
  private static func number(_ value: JSONValue?) -> Int64? {
    value?.int64 ?? value?.text.flatMap { Int64($0) }
  }
}

/// What the token services have in common.
extension OpenConnection {
  /// The token of an answer.
  ///
  /// - Parameter answer: what it is, for messages, as `login at Entra ID: the answer`.
  func token(
    in response: HTTPResponse, sentAt moment: Moment, _ answer: String, hint: String? = nil
  ) throws(ProviderFailure) -> AzureAccessToken {
    do throws(AzureAccessToken.Flaw) {
      guard let json = json(ifAny: response) else {
        throw .none
      }
      return try AzureAccessToken(json, at: moment, unixTime: services.time.unixTime)
    } catch {
      throw failure(.malformed, "\(answer) \(error)", response, hint: hint)
    }
  }

  /// An address that the agent's environment gives in `variable`.
  func address(_ text: String, in variable: String) throws(ProviderFailure) -> HTTPURL {
    do throws(URLFault) {
      return try HTTPURL(parsing: text)
    } catch {
      throw failures.make(.denied, "\(variable) is not an address: \(error)")
    }
  }

  /// A service's word to stand behind a message, as ` (invalid_client)`; nothing where it has none.
  func aside(_ word: String?, atMost longest: Int) -> String {
    guard let word = words(word, atMost: longest) else {
      return ""
    }
    return " (\(word))"
  }
}
