import Dispatch
import Glibc
import Synchronization

/// The server's end of one connection. Its calls block; they belong to the script's thread.
final class RawConnection: Sendable {
  /// Counts the connections of a server from 1.
  let number: Int
  private let descriptor: Int32
  private let log: ConnectionLog
  /// What came after the end of the request that was read last.
  private let unread = Mutex<[UInt8]>([])

  init(_ descriptor: Int32, number: Int, _ log: ConnectionLog) {
    self.descriptor = descriptor
    self.number = number
    self.log = log
  }

  /// The next request with its body as long as `Content-Length` says, or `nil` where the client has closed.
  func readRequest() -> String? {
    var bytes = unread.withLock { $0 }
    while true {
      if let length = Self.requestLength(bytes), bytes.count >= length {
        let request = String(decoding: bytes.prefix(length), as: UTF8.self)
        let rest = Array(bytes.dropFirst(length))
        unread.withLock { $0 = rest }
        log.note(request)
        return request
      }
      guard let more = readSome() else {
        return nil
      }
      bytes += more
    }
  }

  private static func requestLength(_ bytes: [UInt8]) -> Int? {
    guard let head = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else {
      return nil
    }
    let lines = String(decoding: bytes[..<head.lowerBound], as: UTF8.self).lowercased().split(separator: "\r\n")
    let length = lines.first { $0.hasPrefix("content-length:") }?.split(separator: ":").last
    return head.upperBound + (length.flatMap { Int($0.filter { $0 != " " }) } ?? 0)
  }

  /// Whatever comes next, or `nil` at the end of the connection.
  func readSome() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    let count = read(descriptor, &buffer, buffer.count)
    return count > 0 ? Array(buffer.prefix(count)) : nil
  }

  /// Returns when the client has closed the connection.
  func waitForEnd() {
    while readSome() != nil {}
  }

  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// `false` where the client takes no more.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else {
        return false
      }
      sent += count
    }
    return true
  }

  func close() {
    log.close(descriptor)
  }

  /// Closes with RST.
  func reset() {
    var setting = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &setting, socklen_t(MemoryLayout<linger>.size))
    close()
  }
}

/// Something that happens on a script's thread and that a test awaits.
final class Happening: Sendable {
  private let stream: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() {
    (stream, continuation) = AsyncStream.makeStream(of: Void.self)
  }

  func happens() {
    continuation.yield()
  }

  /// Returns once it has happened `times` times since it was last awaited.
  func wait(times: Int = 1) async {
    var left = times
    for await _ in stream {
      left -= 1
      if left == 0 {
        return
      }
    }
  }
}

/// What a script's thread waits for until the test opens it, once for each pass.
final class Gate: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)

  func open(times: Int = 1) {
    for _ in 0..<times {
      semaphore.signal()
    }
  }

  func pass() {
    semaphore.wait()
  }
}
