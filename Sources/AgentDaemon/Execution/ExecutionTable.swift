import EventLoop
import Masking
import NodePolicy
import SecretBytes

/// What the daemon knows of the node's executions: what its sources list, what is in force, whose folder is whose, and by which
/// settings. Those who take documents in, deliver, and answer questions share it.
@DaemonActor
final class ExecutionTable {
  var managed: [String: ManagedExecution] = [:]
  /// Listed, and not yet looked at.
  var awaited: Set<String> = []
  var listings: SourceListings
  var folders: OutputFolders
  var configuration: AgentConfiguration
  var policy: NodePolicy
  var isStopping = false
  /// Told which values are in use.
  let hidden: LiveValues?

  init(
    listings: SourceListings, folders: OutputFolders, configuration: AgentConfiguration, policy: NodePolicy,
    hidden: LiveValues?
  ) {
    self.hidden = hidden
    self.listings = listings
    self.folders = folders
    self.configuration = configuration
    self.policy = policy
  }

  /// The log repeats these values of `id` no more, unless it has left meanwhile.
  func hide(_ values: [SecretBytes], of id: String) {
    hidden?.set(managed[id] == nil ? [] : values, of: id)
  }

  /// What a store or a command said, or may have: to be kept, and shown later.
  func words(_ text: String) -> StrangersWords { StrangersWords(text, hiding: hidden) }

  /// Returns when no output of `id` is being written. What follows up to the next `await` has them to itself.
  func deliveryEnds(_ id: String) async {
    while let delivering = managed[id]?.delivering {
      await delivering.value
    }
  }
}
