import EventLoop
import Glibc
import HTTPTransport
import Testing

/// What the socket itself may connect to.
@Suite(.timeLimit(.minutes(15)))
struct AddressRuleTests {
  @Test(arguments: [
    "http://169.254.169.254/latest/meta-data", "http://169.254.0.1/", "http://169.254.255.255/",
    "http://0xa9fea9fe/", "http://2852039166/", "http://[fe80::1]/", "http://[febf::1]/", "http://[fd00:ec2::254]/",
    "http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/", "http://[::169.254.169.254]/",
    "http://[64:ff9b::169.254.169.254]/", "http://[64:ff9b:1::a9fe:a9fe]/", "http://[2002:a9fe:a9fe::1]/",
    "http://[fd00:ec2::23]/", "http://[fd00:ec2:1::1]/", "https://169.254.169.254/",
  ])
  func linkLocalAddressesAreRefused(_ address: String) throws {
    for rule in [HTTPAddressRule.noLinkLocal, .loopbackOnly] {
      let failure = try onLoop { loop async throws in
        try await loop.client { $0.addressRule = rule }.failure(address)
      }
      expect(failure, .addressRefused)
    }
  }

  @Test(arguments: [
    "http://192.0.2.1/", "http://10.0.0.1/", "http://0.0.0.0:9/", "http://[::]:9/", "http://[2001:db8::1]/",
    "http://[::ffff:10.0.0.1]/", "http://128.0.0.1/", "http://[::2]/",
  ])
  func onlyLoopbackMeansOnlyLoopback(_ address: String) throws {
    let failure = try onLoop { loop async throws in
      try await loop.client { $0.addressRule = .loopbackOnly }.failure(address)
    }
    #expect(failure.kind == .addressRefused)
  }

  @Test(arguments: ["127.0.0.1", "127.8.9.10", "localhost", "2130706433"])
  func loopbackIsAllowedByEveryRule(_ host: String) throws {
    let server = try RawServer.answering(answer("yes"), at: .address("0.0.0.0"))
    for rule in [HTTPAddressRule.any, .noLinkLocal, .loopbackOnly] {
      let text = try onLoop { loop async throws in
        try await loop.client { $0.addressRule = rule }.get("http://\(host):\(server.port)/").text
      }
      #expect(text == "yes")
    }
  }

  /// An address of this machine that is not loopback, where it has one.
  private static let ownAddress: String? = {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else {
      return nil
    }
    defer { freeifaddrs(list) }
    for entry in sequence(first: list, next: { $0?.pointee.ifa_next }) {
      guard let name = entry?.pointee.ifa_addr, name.pointee.sa_family == sa_family_t(AF_INET) else {
        continue
      }
      let address = name.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_addr }
      let number = UInt32(bigEndian: address.s_addr)
      if number >> 24 != 127, number >> 16 != 0xa9fe, let text = inet_ntoa(address) {
        return String(cString: text)
      }
    }
    return nil
  }()

  @Test(.enabled(if: ownAddress != nil))
  func aKeptConnectionIsHeldToTheRuleOfItsNewUser() throws {
    let host = try #require(Self.ownAddress)
    let server = try RawServer.answering(answer("yes"), at: .address("0.0.0.0"))
    try onLoop { loop async throws in
      let (lax, strict) = (
        loop.client { $0.addressRule = .any }, loop.client { $0.addressRule = .loopbackOnly }
      )
      let address = "http://\(host):\(server.port)/"
      #expect(try await lax.get(address + "lax").text == "yes")
      let failure = try await strict.failure(address + "strict", headers: [HTTPHeader("X-Token", "marker-77aa")])
      #expect(failure.kind == .addressRefused)
      // The rule is the request's, not the connection's.
      #expect(try await lax.get(address + "again").text == "yes")
    }
    #expect(server.requests.map { $0.split(separator: " ")[1] } == ["/lax", "/again"])
    #expect(server.requests.allSatisfy { !$0.contains("marker-77aa") })
  }

  @Test func aKeptConnectionThatKeepsTheRuleIsShared() throws {
    let server = try RawServer.answering(answer("yes"))
    try onLoop { loop async throws in
      for rule in [HTTPAddressRule.any, .loopbackOnly, .noLinkLocal, .loopbackOnly] {
        #expect(try await loop.client { $0.addressRule = rule }.get(server.origin).text == "yes")
      }
    }
    #expect(server.connectionCount == 1)
  }
}
