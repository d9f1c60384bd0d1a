/// The one isolation of the daemon's state: supervisor, scheduler, sources' listings and what the local API asks of them.
///
/// Its code runs on the event loop, since every task that enters it prefers the loop as its executor. Between two `await`s on something
/// else nothing changes under it.
@globalActor public actor DaemonActor {
  public static let shared = DaemonActor()
}
