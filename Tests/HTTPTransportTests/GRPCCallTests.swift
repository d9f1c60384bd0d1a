import Foundation
import HTTPTransport
import ProviderFakes
import SecretBytes
import TestSupport
import Testing
import Text

/// Calls of gRPC, which speaks HTTP/2 from the first byte, to a real server of it (grpcio) by one client of one process.
@Suite(.enabled(if: Python.path != nil, "\(Python.absence)")) struct GRPCCallTests {
  @Test(arguments: [true, false]) func oneClientCallsAgainWhateverTheAnswersWere(_ isUnixSocket: Bool) async throws {
    try await onThread {
      let folder = try ScratchFolder()
      let key = try folder.write(try Self.key.get(), as: "key.pem")
      let server = try WorkloadAPIServer(in: folder.path, key: key, isUnixSocket: isUnixSocket)
      let control = server.control
      try onLoop { loop async throws in
        let client = loop.client(Self.options(control.address))
        for _ in 0..<3 {
          #expect(try await Self.status(client, control.address) == "0")
        }
        // An answer of trailers alone.
        try control.turn(to: .isDown)
        for _ in 0..<2 {
          #expect(try await Self.status(client, control.address) == "14")
        }
        try control.turn(to: .refuses)
        #expect(try await Self.status(client, control.address) == "7")
        try control.turn(to: .issues)
        async let first = Self.status(client, control.address)
        async let second = Self.status(client, control.address)
        #expect(try await [first, second] == ["0", "0"])
      }
      #expect(control.asked.count == 8)
      withExtendedLifetime(server) {}
    }
  }

  /// The server goes, with whatever connections it had, and another one is there under its address.
  @Test func oneClientCallsTheNextServerOfItsSocket() async throws {
    try await onThread {
      let folder = try ScratchFolder()
      let key = try folder.write(try Self.key.get(), as: "key.pem")
      try onLoop { loop async throws in
        var server: WorkloadAPIServer? = try WorkloadAPIServer(in: folder.path, key: key)
        let address = try #require(server?.address)
        let client = loop.client(Self.options(address))
        #expect(try await Self.status(client, address) == "0")
        server = nil
        let failure = try await #require(throws: TransportFailure.self) {
          try await Self.status(client, address)
        }
        #expect(failure.description == "no connection to \(folder.path)/workload.sock: Connection refused")
        let next = try WorkloadAPIServer(in: folder.path, key: key)
        #expect(try await Self.status(client, address) == "0")
        withExtendedLifetime(next) {}
      }
    }
  }

  private static let key = Result { try JWTKey(.rs256).privatePEM }

  private static func options(_ address: String) -> (inout HTTPClientOptions) -> Void {
    { options in
      options.hasPriorKnowledge = true
      options.unixSocket = address.hasPrefix("unix://") ? String(address.dropFirst("unix://".count)) : nil
    }
  }

  /// gRPC's status of a call for a JWT-SVID.
  private static func status(_ client: HTTPClient, _ address: String) async throws -> String? {
    let authority = address.hasPrefix("tcp://") ? String(address.dropFirst("tcp://".count)) : "localhost"
    let message = [0x0a, 2] + Array("ab".utf8)
    let response = try await client.send(
      HTTPRequest(
        method: .post, url: try HTTPURL(parsing: "http://\(authority)/SpiffeWorkloadAPI/FetchJWTSVID"),
        headers: [
          HTTPHeader("content-type", "application/grpc"), HTTPHeader("te", "trailers"),
          HTTPHeader("workload.spiffe.io", "true"),
        ], body: SecretBytes([0, 0, 0, 0, UInt8(message.count)] + message)))
    #expect(response.status == 200)
    return response.headers.first("grpc-status")
  }
}
