import CLibcurl
import CLinux
import DequeModule
import Glibc

/// libcurl's multi handle with the transfers under way. Belongs to the loop's thread.
package final class TransferTable {
  package typealias Completion = (CURLcode) -> Void

  private let multi: OpaquePointer
  private let most: Int
  private var completions: [OpaquePointer: Completion] = [:]
  private var waiting: Deque<() -> Void> = []

  /// - Parameter most: transfers under way at once, of all clients together.
  init(most: Int) throws(EventLoopFault) {
    self.most = most
    // Once in a process, before any other thread could use libcurl: a global `let` sees to it.
    guard libcurlIsReady, let multi = curl_multi_init() else {
      throw EventLoopFault("curl_multi_init", ENOMEM)
    }
    http_multi_configure(UnsafeMutableRawPointer(multi))
    self.multi = OpaquePointer(multi)
  }

  deinit {
    curl_multi_cleanup(UnsafeMutableRawPointer(multi))
  }

  /// As many as the process's descriptors allow, less those of idle connections, the local API and files.
  static var mostByDescriptors: Int { min(max(linux_descriptor_limit() - 384, 16), 4096) }

  // MARK: - Room

  /// Whether a client may begin a transfer. A quarter of the room is for those that have none under way, so that servers which hang
  /// leave a way for the others.
  package func hasRoom(isFirst: Bool) -> Bool {
    completions.count < (isFirst ? most : most - most / 4)
  }

  /// Calls `begin`, once, when a transfer is over.
  package func whenRoom(_ begin: @escaping () -> Void) {
    waiting.append(begin)
  }

  private func letIn() {
    let waited = waiting
    waiting = []
    for begin in waited {
      begin()
    }
  }

  // MARK: - Transfers

  /// Starts a configured transfer. `completion` is called when it is over, unless it is removed before.
  package func add(_ easy: UnsafeMutableRawPointer, _ completion: @escaping Completion) -> CURLMcode {
    completions[OpaquePointer(easy)] = completion
    let code = curl_multi_add_handle(UnsafeMutableRawPointer(multi), easy)
    if code != CURLM_OK {
      completions[OpaquePointer(easy)] = nil
    }
    return code
  }

  /// Stops a transfer; its completion is not called. `false` where it is not under way.
  package func remove(_ easy: UnsafeMutableRawPointer) -> Bool {
    guard completions.removeValue(forKey: OpaquePointer(easy)) != nil else {
      return false
    }
    curl_multi_remove_handle(UnsafeMutableRawPointer(multi), easy)
    letIn()
    return true
  }

  /// Moves every transfer on as far as it goes without waiting.
  func perform() {
    guard !completions.isEmpty else {
      return
    }
    var running: Int32 = 0
    http_turn_begin()
    curl_multi_perform(UnsafeMutableRawPointer(multi), &running)
    http_turn_end()
    var finished: [(Completion, CURLcode)] = []
    var left: Int32 = 0
    while let message = curl_multi_info_read(UnsafeMutableRawPointer(multi), &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else {
        continue
      }
      let result = message.pointee.data.result
      if let completion = completions.removeValue(forKey: OpaquePointer(easy)) {
        finished.append((completion, result))
      }
      curl_multi_remove_handle(UnsafeMutableRawPointer(multi), easy)
    }
    for (completion, result) in finished {
      completion(result)
    }
    if !finished.isEmpty {
      letIn()
    }
  }

  /// Waits for libcurl's sockets and timeouts or the reactor's descriptor; `false` where the latter is not ready.
  func wait(reactor: Reactor) -> Bool {
    var extra = curl_waitfd()
    extra.fd = reactor.descriptor
    extra.events = Int16(CURL_WAIT_POLLIN)
    let code = curl_multi_poll(UnsafeMutableRawPointer(multi), &extra, 1, 3_600_000, nil)
    return code != CURLM_OK || extra.revents != 0
  }
}

private let libcurlIsReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
