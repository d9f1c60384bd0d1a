import AgentDaemon
import Delivery
import EventLoop
import ExecutionModel
import Glibc
import NodePolicy
import Processes
import Resolution
import Text

/// One fetch of Nomad's: the daemon is asked first, since what it last delivered costs no call and is there while stores are not.
struct NomadFetch: Sendable {
  let name: String
  let settings: Daemon.Settings
  let runtime: AgentRuntime
  let limit: Duration

  func answer() async -> NomadAnswer {
    let end = runtime.loop.now.advanced(by: limit)
    let noDaemon: String
    switch await askDaemon() {
    case .success(let values):
      return .success(values.secrets.map { DeliveredSecret(name: $0.name, value: $0.value) })
    case .failure(.notDelivered(let reason)): return .failure(reason)
    case .failure(.unknown): noDaemon = "the daemon has no execution of this id"
    case .failure(.unreachable(let reason)), .failure(.notAllowed(let reason)): noDaemon = reason
    }
    do throws(DocumentFaults) {
      let plan = try FolderLookup.plan(
        named: name, configuration: settings.configuration, policy: settings.policy, catalog: registry.catalog)
      guard let plan else {
        let folder = settings.configuration.folder.map { "\(ShownText.clean($0.path)) has no document of this name" }
        return .failure("\(ShownText.clean(name)): \(noDaemon); \(folder ?? "there is no folder of documents")")
      }
      return await resolve(plan, until: end)
    } catch {
      return .failure(error.faults.map(\.line), of: ShownText.clean(name))
    }
  }

  private func askDaemon() async -> Result<ExecutionValues, ValueClient.Fault> {
    guard let values = settings.configuration.values else {
      return .failure(.unreachable("the daemon gives no values: set `values: {}`"))
    }
    do throws(ValueClient.Fault) {
      return .success(try await ValueClient(socket: values.socket, loop: runtime.loop).values(of: name, within: limit))
    } catch {
      return .failure(error)
    }
  }

  private func resolve(_ plan: ExecutionPlan, until end: Moment) async -> NomadAnswer {
    do throws(GenerationFailure) {
      let generation = try await runtime.resolver.resolve(plan, within: runtime.loop.now.duration(to: end))
      await runtime.pool.closeAll(.handedOver, by: end)
      return .success(generation.secrets.map { DeliveredSecret(name: $0.name, value: $0.value) })
    } catch {
      await runtime.pool.closeAll(.ended, by: end)
      return .failure(error.lines)
    }
  }
}

/// The environment of a fetch, which is the `env` of the job's secret block: its author's words, not the node's.
enum BlockEnvironment {
  /// Takes away every variable but those that the node policy lets documents read: a proxy, a CA, or a store's endpoint by way of the
  /// environment would be the job's choice of whom the node's credentials go to.
  static func withhold(unless policy: NodePolicy) {
    var names: [String] = []
    var next = environ
    while let entry = next.pointee {
      names += String(cString: entry).split(separator: "=", maxSplits: 1).first.map { [String($0)] } ?? []
      next += 1
    }
    for name in names where (try? policy.check(credentialVariable: name)) == nil {
      unsetenv(name)
    }
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1)
  }
}
