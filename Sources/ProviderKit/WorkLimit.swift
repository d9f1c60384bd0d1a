import EventLoop

/// Until when the work under way may take, as far as who asked for it said: `resolve` has one limit for all that it does. The daemon
/// says none, since it comes back by itself.
public enum WorkLimit {
  @TaskLocal public static var end: Moment?

  /// What leaving may take: to take back what the agent made is good manners, and what is not taken back ends by itself.
  public static let leaving: Duration = .seconds(2)

  /// Whether a wait of `span` is over before the work has to be.
  public static func leavesRoom(for span: Duration, at now: Moment) -> Bool {
    end.map { now.advanced(by: span) < $0 } ?? true
  }
}

extension OpenConnection {
  /// When what is done on leaving must be over.
  public var leavingEnd: Moment {
    let latest = services.time.now.advanced(by: WorkLimit.leaving)
    return WorkLimit.end.map { min($0, latest) } ?? latest
  }
}
