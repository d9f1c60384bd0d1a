import Foundation
import Glibc
import TestSupport

/// A small HTTP server on loopback, one request a connection, for the services that OpenBao's own engines call.
final class HTTPEndpoint: Sendable {
  struct Request {
    let method: String
    /// As sent, percent signs and all.
    let path: String
    /// By names in lower case.
    let headers: [String: String]
    let body: Data
  }

  struct Response {
    /// Number and phrase.
    let status: String
    var body: JSON?
  }

  let address: String
  private let listener: Int32

  /// - Parameter answer: called for one request after the other.
  init(answer: @escaping @Sendable (Request) -> Response) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var local = loopback(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &local) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    guard bound else { throw NoFreePorts() }
    self.listener = listener
    address = "http://127.0.0.1:\(UInt16(bigEndian: local.sin_port))"
    Thread.detachNewThread {
      while true {
        let connection = accept(listener, nil, nil)
        if connection < 0 { return }
        closeOnExec(connection)
        if let request = Self.read(connection) {
          Self.send(answer(request), connection)
        }
        close(connection)
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// `nil` where it is cut off, or no request.
  private static func read(_ connection: Int32) -> Request? {
    var received = Data()
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      if let request = request(received) { return request }
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      received.append(contentsOf: buffer[..<count])
    }
  }

  /// `nil` while it is not whole.
  private static func request(_ received: Data) -> Request? {
    guard let head = received.range(of: Data("\r\n\r\n".utf8)) else { return nil }
    let lines = String(decoding: received[..<head.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count == 3 else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    guard let length = Int(headers["content-length"] ?? "0"), received.count - head.upperBound >= length else {
      return nil
    }
    return Request(
      method: String(words[0]), path: String(words[1]), headers: headers,
      body: Data(received[head.upperBound...].prefix(length)))
  }

  private static func send(_ response: Response, _ connection: Int32) {
    let text = response.body?.text ?? ""
    // RFC 9110 §8.6: 204 has no Content-Length.
    let length = response.status.hasPrefix("204") ? "" : "Content-Length: \(text.utf8.count)\r\n"
    let type = response.body == nil ? "" : "Content-Type: application/json\r\n"
    let whole = "HTTP/1.1 \(response.status)\r\n\(type)\(length)Connection: close\r\n\r\n\(text)"
    _ = whole.withCString { write(connection, $0, strlen($0)) }
  }
}
