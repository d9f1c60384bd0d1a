import CLinux
import EventLoop
import Logging

extension Daemon {
  func startChores() {
    chores = [
      Task(executorPreference: loop) { await self.awaitFirstPass() },
      Task(executorPreference: loop) { [loop] in
        while (try? await loop.sleep(for: ExecutionSupervisor.auditInterval)) != nil {
          await self.supervisor?.audit()
          await self.followFiles()
          await self.tellStatus()
          // A burst of deliveries leaves free pages behind, and this process idles for months.
          linux_release_free_memory()
        }
      },
    ]
    if let notifier, let interval = notifier.watchdogInterval {
      chores.append(
        Task(executorPreference: loop) { [loop] in
          // The loop itself is what the watchdog watches: it runs this only while it turns.
          repeat {
            notifier.watchdog()
          } while (try? await loop.sleep(for: interval)) != nil
        })
    }
  }

  /// READY is told when all sources were heard and every execution was tried, at the latest after half a minute.
  private func awaitFirstPass() async {
    let latest = loop.now.advanced(by: .seconds(30))
    while loop.now < latest {
      if await supervisor?.firstPassIsDone() == true {
        break
      }
      guard (try? await loop.sleep(for: .milliseconds(100))) != nil else {
        return
      }
    }
    notifier?.ready()
    await tellStatus()
    log.notice("ready")
  }

  private func tellStatus() async {
    guard let notifier else {
      return
    }
    let status = await status()
    let ready = status.executions.count(where: \.isReady)
    notifier.status("\(ready) of \(status.executions.count) executions ready")
  }

  func logState() async {
    for execution in await status().executions {
      log.notice(
        "state",
        metadata: [
          "execution": "\(execution.id)", "state": "\(execution.state.rawValue)",
          "generation": "\(execution.generation)",
          "stale": "\(execution.secrets.count { $0.source != .live }) of \(execution.secrets.count)",
          "problems": "\(execution.problems.joined(separator: " | "))",
        ])
    }
  }
}
