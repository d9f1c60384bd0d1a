import Foundation
import Glibc
import TestSupport

/// The one call of a Kubernetes API server that OpenBao's kubernetes auth makes: `TokenReview`.
///
/// It says of each token that it knows whose service account it is, and of all others that they are not authentic.
final class TokenReviewEndpoint: Sendable {
  let address: String
  private let listener: Int32

  /// - Parameter accounts: service accounts (`namespace:name`) by token.
  init(accounts: [String: String]) throws {
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
        Self.answer(connection, accounts)
        close(connection)
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  private static func answer(_ connection: Int32, _ accounts: [String: String]) {
    struct Review: Decodable {
      struct Spec: Decodable { let token: String }
      let spec: Spec
    }
    guard let body = readBody(connection), let review = try? JSONDecoder().decode(Review.self, from: body) else {
      return send(connection, "400 Bad Request", [:])
    }
    let account = accounts[review.spec.token]
    let status: JSON =
      account.map {
        ["authenticated": true, "user": ["username": .string("system:serviceaccount:\($0)"), "uid": "1"]]
      }
      ?? ["authenticated": false, "error": "token is not known"]
    send(
      connection, "201 Created",
      [
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": ["token": ""], "status": status,
      ])
  }

  /// The body of one request, by its Content-Length.
  private static func readBody(_ connection: Int32) -> Data? {
    var received = Data()
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      received.append(contentsOf: buffer[..<count])
      guard let head = received.range(of: Data("\r\n\r\n".utf8)) else { continue }
      let lines = String(decoding: received[..<head.lowerBound], as: UTF8.self).lowercased()
      let length = lines.components(separatedBy: "content-length: ").dropFirst().first
        .flatMap { Int($0.prefix { $0.isNumber }) }
      guard let length else { return nil }
      let body = received[head.upperBound...]
      if body.count >= length { return Data(body.prefix(length)) }
    }
  }

  private static func send(_ connection: Int32, _ status: String, _ body: JSON) {
    let text = body.text
    let response =
      "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(text.utf8.count)\r\n"
      + "Connection: close\r\n\r\n\(text)"
    _ = response.withCString { write(connection, $0, strlen($0)) }
  }
}
