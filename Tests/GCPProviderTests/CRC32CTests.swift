import SecretBytes
import Testing

@testable import GCPProvider

/// RFC 3720 §B.4, and the check value that catalogues of CRCs give.
@Test(
  arguments: [
    ([], 0), (Array("123456789".utf8), 0xe306_9283), ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
    ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43), ((0..<32).map { UInt8($0) }, 0x46dd_794e),
    ((0..<32).map { UInt8(31 - $0) }, 0x113f_db5c),
  ] as [([UInt8], UInt32)])
func checksumsAreCastagnolis(_ bytes: [UInt8], _ expected: UInt32) {
  #expect(CRC32C.checksum(SecretBytes(bytes)) == expected)
}
