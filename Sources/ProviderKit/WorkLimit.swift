import EventLoop

/// Until when the work under way may take, as far as who asked for it said: `resolve` has one limit for all that it does. The daemon
/// says none, since it comes back by itself.
public enum WorkLimit {
  @TaskLocal public static var end: Moment?

  /// What leaving may take: to take back what the agent made is good manners, and what is not taken back ends by itself.
  public static let leaving: Duration = .seconds(2)
}

extension OpenConnection {
  /// When what is done on leaving must be over.
  public var leavingEnd: Moment {
    let latest = services.time.now.advanced(by: WorkLimit.leaving)
    return WorkLimit.end.map { min($0, latest) } ?? latest
  }

  /// Whether a wait of `span` is longer than the work under way may take.
  func outlastsWork(_ span: Duration) -> Bool {
    WorkLimit.end.map { services.time.now.advanced(by: span) >= $0 } ?? false
  }
}
