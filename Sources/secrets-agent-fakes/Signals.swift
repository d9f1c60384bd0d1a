import Dispatch
import Glibc

/// Signals as they come, in place of their default meanings, until the iteration ends.
enum Signals {
  static func watched(_ numbers: [Int32]) -> AsyncStream<Int32> {
    AsyncStream { stream in
      // Unsafe in name only: dispatch sources may be cancelled on any thread.
      nonisolated(unsafe) let sources = numbers.map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .main)
        source.setEventHandler { stream.yield(number) }
        source.resume()
        return source
      }
      // Held until then: an optimised build drops them at their last use, and with them the signals.
      stream.onTermination = { _ in
        for source in sources {
          source.cancel()
        }
      }
    }
  }
}
