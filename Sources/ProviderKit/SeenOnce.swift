import Synchronization

/// Whether something was there once. To a search, silence says that it is not there; from then on it says that it is away.
public final class SeenOnce: Sendable {
  private let flag = Atomic(false)

  public init() {}

  public var isSeen: Bool { flag.load(ordering: .relaxed) }

  public func see() { flag.store(true, ordering: .relaxed) }
}
