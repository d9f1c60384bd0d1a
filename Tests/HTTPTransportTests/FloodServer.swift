import Foundation
import ProviderFakes
import Testing

/// An HTTPS server that answers over HTTP/2, with one kind of frame without end. In Python, whose TLS sends faster than libcurl reads.
final class FloodServer {
  enum Frame: String, CaseIterable, Sendable {
    case priority, unknown, emptyData, windowUpdate
  }

  static let python = ProcessInfo.processInfo.environment["SECRETS_AGENT_PYTHON"]

  let port: Int
  private let process = Process()
  private let output = Pipe()

  init(_ frame: Frame, _ certificate: FakeCertificate, in folder: String) throws {
    try certificate.write(to: folder, name: "flood")
    process.executableURL = URL(fileURLWithPath: try #require(Self.python))
    process.arguments = ["-c", Self.script, frame.rawValue, "\(folder)/flood.pem", "\(folder)/flood.key"]
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let said = Self.line(output)
    port = try #require(Int(said))
  }

  deinit {
    process.terminate()
    process.waitUntilExit()
  }

  private static func line(_ output: Pipe) -> String {
    var text = ""
    while let byte = try? output.fileHandleForReading.read(upToCount: 1), let byte = byte.first, byte != 10 {
      text.unicodeScalars.append(Unicode.Scalar(byte))
    }
    return text
  }

  private static let script = """
    import socket, ssl, struct, sys
    def frame(kind, flags, stream, body):
        return struct.pack('>I', len(body))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + body
    one = {'priority': frame(2, 0, 3, struct.pack('>IB', 0, 1)), 'unknown': frame(0xee, 0, 0, b''),
           'emptyData': frame(0, 0, 1, b''), 'windowUpdate': frame(8, 0, 0, struct.pack('>I', 1))}[sys.argv[1]]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    context.set_alpn_protocols(['h2'])
    listener = socket.create_server(('127.0.0.1', 0))
    print(listener.getsockname()[1], flush=True)
    connection = context.wrap_socket(listener.accept()[0], server_side=True)
    connection.sendall(frame(4, 0, 0, b''))
    connection.recv(65536)
    if sys.argv[1] == 'emptyData':
        connection.sendall(frame(1, 4, 1, b'\\x88'))
    while True:
        connection.sendall(one * (131072 // len(one)))
    """
}
