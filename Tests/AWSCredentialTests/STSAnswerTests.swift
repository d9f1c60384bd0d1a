import AWSSigning
import HTTPTransport
import SecretBytes
import Testing

@testable import AWSProvider

@Suite struct STSAnswerTests {
  @Test func readsTheCredentials() throws {
    let keys = try AWSCredentials(
      xml: SecretBytes(STSBody.assumeRole("ASIA1", expiration: "2015-08-30T12:36:00Z")))
    #expect(keys.accessKeyID == "ASIA1")
    #expect(keys.secretAccessKey.equals("wJalr/&+secret"))
    #expect(keys.sessionToken?.equals("token/+==") == true)
    #expect(keys.expiresAt == 1_440_938_160)
  }

  private func answer(_ body: String) -> HTTPResponse {
    HTTPResponse(status: 403, headers: HTTPFields([]), body: SecretBytes(body))
  }

  @Test func readsAnError() {
    let error = AWSError(answer(STSBody.error("AccessDenied", "not &lt;you&gt;")))
    #expect(error.code == "AccessDenied")
    #expect(error.message == "not <you>")
  }

  @Test(arguments: [
    "", " ", "{}", "<a>", "<a></b>", "<a/><b/>", "<a/>x", "x<a/>", "<a b></a>", "<a b=c/>", "<a b='1'c='2'/>", "<a",
    "<a b='", "</a>", "<1/>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<a>&x;</a>", "<a>&#0;</a>",
    "<a>&#xD800;</a>",
    "<a>&#99999999999;</a>", "<a>&amp</a>", "<a>&#-1;</a>", "<a>&;</a>", "<a>&", "<a><![CDATA[x]]></a>",
    "<a><!-- x --></a>",
    "<a><?php x?></a>", "<a>x<b/></a>", "<a><b/>x</a>", "<?xml <a/>", "<a></a", "<a></ a>",
  ])
  func refusesWhatIsNoPlainXML(text: String) {
    #expect(throws: XMLLeaves.Fault.self) { try XMLLeaves(SecretBytes(text)) }
    #expect(AWSError(answer(text)).code == nil)
  }

  @Test(arguments: [
    ("AccessKeyId", "AccessKey"), ("<SecretAccessKey>wJalr/&amp;+secret</SecretAccessKey>", ""),
    ("2099-01-01T00:00:00Z", "tomorrow"), ("<SessionToken>", "<SessionToken></SessionToken><SessionToken>"),
    ("</Expiration>", "</Expiration><AccessKeyId>ASIA2</AccessKeyId>"), ("</AssumeRoleResponse>", ""),
  ])
  func refusesAnswersThatAreNotWhole(part: String, replacement: String) {
    let body = STSBody.assumeRole("ASIA1").replacing(part, with: replacement)
    #expect(throws: AnswerFault.self) { try AWSCredentials(xml: SecretBytes(body)) }
  }

  @Test func refusesEveryCutOfAnAnswer() {
    let body = Array(STSBody.assumeRole("ASIA1").utf8)
    for count in 0..<body.count {
      #expect(throws: AnswerFault.self) { try AWSCredentials(xml: SecretBytes(body[..<count])) }
    }
  }

  @Test func boundsDepthNumberAndSize() {
    let deep = String(repeating: "<a>", count: 100_000)
    #expect(throws: XMLLeaves.Fault.self) { try XMLLeaves(SecretBytes(deep)) }
    let wide = "<a>" + String(repeating: "<b/>", count: XMLLeaves.maximumElements) + "</a>"
    #expect(throws: XMLLeaves.Fault.self) { try XMLLeaves(SecretBytes(wide)) }
    let large = "<a>" + String(repeating: "x", count: XMLLeaves.maximumBytes) + "</a>"
    #expect(throws: XMLLeaves.Fault.self) { try XMLLeaves(SecretBytes(large)) }
    #expect(throws: XMLLeaves.Fault.self) { try XMLLeaves(SecretBytes([0x3c, 0xff, 0x2f, 0x3e])) }
  }
}
