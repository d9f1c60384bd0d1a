import EventLoop
import Logging
import ExecutionModel
extension Daemon {
  static func makeSourceNames(_ c: AgentConfiguration) -> [String] { [] }
  func makeSources(_ s: Settings, loop: EventLoop, log: Logger, supervisor: ExecutionSupervisor?) async -> [any ExecutionSource] { [] }
}
