import CLinux
import EventLoop
import Glibc

extension ListeningSocket {
  /// Gives each connection that is made to `take`, whose the descriptor is from then on, until the task is cancelled; then it closes.
  ///
  /// - Parameter exhausted: told where the process has no descriptor or memory for another; they are tried again half a second later.
  func accept(on loop: EventLoop, exhausted: () -> Void, take: (Int32) async -> Void) async {
    let socket = LoopSocket(descriptor: descriptor, loop: loop)
    while !Task.isCancelled {
      let isReady = await socket.wait(for: .readable)
      let connection = isReady ? linux_accept(descriptor) : -1
      if connection >= 0 {
        await take(connection)
      } else if !isReady || [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno), !Task.isCancelled {
        // The socket stays ready: it is left alone for a while.
        exhausted()
        try? await loop.sleep(for: .milliseconds(500))
      }
    }
    close()
  }
}
