import JSONReader
import Synchronization

/// What a fake does in the place of its answer.
public enum Fault: Sendable, Equatable {
  case status(Int)
  /// A status (429, 503) with a Retry-After header.
  case retryAfter(status: Int, seconds: Int)
  /// The real answer, late.
  case delay(milliseconds: Int)
  /// No answer, ever.
  case hang
  /// The connection is reset before an answer.
  case reset
  /// Half of the real body, then the connection ends.
  case truncated
  /// A page of HTML with this status.
  case html(Int)
  /// A body of so many bytes.
  case huge(Int)
  /// Bytes that are not HTTP.
  case garbage
  case redirect(String)
  /// An answer that the caller made up.
  case reply(status: Int, body: String)
  /// 200 with JSON that breaks off.
  case malformedJSON

  /// By the word of the admin endpoint, with its number or address.
  init?(word: String, argument: JSONValue?) {
    let number = argument?.int64.map { Int($0) }
    switch word {
    case "status": self = .status(number ?? 500)
    case "retry_after": self = .retryAfter(status: 429, seconds: number ?? 1)
    case "delay": self = .delay(milliseconds: number ?? 1000)
    case "hang": self = .hang
    case "reset": self = .reset
    case "truncated": self = .truncated
    case "html": self = .html(number ?? 200)
    case "huge": self = .huge(number ?? 100 * 1024 * 1024)
    case "garbage": self = .garbage
    case "redirect": self = .redirect(argument?.text ?? "http://127.0.0.1:9/")
    case "reply":
      self = .reply(
        status: argument?.member("status")?.int64.map { Int($0) } ?? 200, body: argument?.member("body")?.text ?? "")
    case "malformed_json": self = .malformedJSON
    default: return nil
    }
  }
}

/// The faults that are on, by route.
public final class FaultTable: Sendable {
  private struct Entry {
    let fault: Fault
    let pattern: RoutePattern
    let every: Int
    var left: Int?
    var seen = 0
  }

  private let entries = Mutex<[Entry]>([])

  public init() {}

  /// - Parameters:
  ///   - pattern: as `GET /v1/secret/*`; `*` for everything.
  ///   - times: how often at the most; `nil` without end.
  ///   - every: only every so many matching requests.
  public func add(_ fault: Fault, on pattern: String = "*", times: Int? = nil, every: Int = 1) {
    entries.withLock {
      $0.append(Entry(fault: fault, pattern: RoutePattern(pattern), every: max(every, 1), left: times))
    }
  }

  public func clear() {
    entries.withLock { $0 = [] }
  }

  func fault(for request: RecordedRequest) -> Fault? {
    entries.withLock { entries in
      for index in entries.indices where entries[index].pattern.matches(request) && entries[index].left != 0 {
        entries[index].seen += 1
        guard entries[index].seen.isMultiple(of: entries[index].every) else {
          continue
        }
        entries[index].left = entries[index].left.map { $0 - 1 }
        return entries[index].fault
      }
      return nil
    }
  }
}
