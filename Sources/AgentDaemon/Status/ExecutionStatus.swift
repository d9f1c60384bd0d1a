import EventLoop
import ProviderKit
import Resolution

/// How one execution stands, for status, metrics and readiness. It has no place for a value.
public struct ExecutionStatus: Sendable {
  public enum State: String, Sendable, CaseIterable {
    /// No generation yet: values are still being fetched.
    case pending
    /// Its generation is in place and all of its values are fresh.
    case live
    /// Its generation is in place, but a value could not be refreshed.
    case stale
    /// Values are there, but could not be delivered, or are no longer to be.
    case failing
    /// Its first document is refused or cannot be read: nothing is in place.
    case invalid
  }

  public struct Secret: Sendable {
    public enum Source: String, Sendable {
      case none
      case live
      case stale
    }

    /// In one word, what an operator has to know first; the worst that holds.
    public enum Standing: String, Sendable, CaseIterable {
      /// The last attempt to fetch it failed, or what was fetched could not be delivered; what is in place is older, or nothing.
      case failing
      /// What is delivered was kept over a start, or is older than its interval and the policy allow.
      case stale
      /// A newer value should be there by now.
      case late
      /// It has not been fetched yet.
      case pending
      case live
    }

    public let name: String
    public let standing: Standing
    /// As the document calls it.
    public let provider: String
    public let providerType: String
    /// What its connection is called in metrics: as another document may call the same one.
    public let label: ProviderPool.Label
    /// What is fetched, as `secret/web/db`.
    public let reference: String
    public let source: Source
    public let version: String?
    public let age: Duration?
    public let lastSuccessUnix: Int64?
    public let nextRefresh: Duration?
    public let expiresIn: Duration?
    /// In a row.
    public let failures: Int
    public let fault: SecretFault?
    /// Whether a value is delivered whose age is within what its interval and the policy allow.
    public let isFresh: Bool
  }

  public let id: String
  public let jobID: String?
  public let namespace: String?
  public let source: String
  public let state: State
  /// 0: none in place.
  public let generation: Int64
  public let folder: String?
  public let deliveredAtUnix: Int64?
  public let notices: Int
  public let failedNotices: Int
  /// What an operator should know: a refused document, a delivery that failed, a notice that failed.
  public let problems: [String]
  /// Whether its newest document is not in force, which a person has to mend; the last good one is, where there was any.
  public let isRefused: Bool
  public let secrets: [Secret]

  public var isReady: Bool { generation > 0 && state != .failing && secrets.allSatisfy(\.isFresh) }
}
