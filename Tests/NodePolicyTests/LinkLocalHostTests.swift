import NodePolicy
import Testing
import Text

/// What an address leads to counts, not how it is written.
@Suite struct LinkLocalHostTests {
  private static func isRefused(_ host: String) throws -> Bool {
    let url = try HTTPURL(parsing: "https://\(host)")
    return (try? NodePolicy.personal.check(url)) == nil
  }

  @Test(arguments: [
    "169.254.169.254", "0xa9fea9fe", "2852039166", "[fe80::1]", "[febf::1]", "[fe80::1%25lo]",
    "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[::169.254.169.254]",
    "[::a9fe:a9fe]", "[64:ff9b::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]", "[2002:a9fe:a9fe::1]", "[fd00:ec2::254]", "[fd00:0ec2:0::254]", "[fd00:ec2::23]",
    "[fd00:ec2::253]", "[fd00:ec2:1::1]",
  ])
  func aWayToTheMachinesOwnServicesIsRefused(host: String) throws {
    #expect(try Self.isRefused(host))
  }

  @Test(arguments: [
    "10.0.0.1", "169.253.1.1", "[::1]", "[2001:db8::1]", "[64:ff9b::a00:1]", "[2002:a00:1::1]", "[fd00:ec3::254]",
    "[fec0::1]", "[::ffff:10.0.0.1]", "fe80.example.com",
  ])
  func otherAddressesAreNot(host: String) throws {
    #expect(try !Self.isRefused(host))
  }
}
