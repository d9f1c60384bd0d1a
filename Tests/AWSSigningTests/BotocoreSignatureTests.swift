import Foundation
import HTTPTransport
import SecretBytes
import Testing
import Text

@testable import AWSSigning

/// Random requests, signed by this signer and by botocore's.
@Suite(.enabled(if: Python.path != nil, "SECRETS_AGENT_PYTHON does not name a Python with botocore; see `make test`"))
struct BotocoreSignatureTests {
  private struct Sample: Codable {
    var method: String
    var url: String
    var headers: [String: String]
    var body: String
    var token: String?
    var region: String
    var service: String
    var at: Int64
  }

  private static let script = """
    import datetime, json, sys
    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    signatures = []
    for sample in json.load(sys.stdin):
        now = datetime.datetime.fromtimestamp(sample["at"], datetime.timezone.utc)
        botocore.auth.get_current_datetime = lambda *a, **k: now
        request = AWSRequest(
            method=sample["method"], url=sample["url"], headers=sample["headers"], data=sample["body"].encode())
        credentials = Credentials("AKIDEXAMPLE", "s3cr3t/+key", sample.get("token"))
        signer = botocore.auth.S3SigV4Auth if sample["service"] == "s3" else botocore.auth.SigV4Auth
        signer(credentials, sample["service"], sample["region"]).add_auth(request)
        signatures.append(request.headers["Authorization"])
    print(json.dumps(signatures))
    """

  @Test func signsThreeHundredRandomRequestsAsBotocoreDoes() throws {
    var random = SplitMix(state: 20_260_807)
    let samples = try (0..<300).map { _ in try Self.sample(&random) }
    let answer = try Python.output(Self.script, input: JSONEncoder().encode(samples))
    let expected = try JSONDecoder().decode([String].self, from: answer)
    try #require(expected.count == samples.count)
    for (sample, expected) in zip(samples, expected) {
      let request = HTTPRequest(
        method: HTTPMethod(rawValue: sample.method), url: try HTTPURL(parsing: sample.url),
        headers: sample.headers.map { HTTPHeader($0.key, $0.value) },
        body: sample.body.isEmpty ? nil : SecretBytes(sample.body))
      let credentials = AWSCredentials(
        accessKeyID: "AKIDEXAMPLE", secretAccessKey: SecretBytes("s3cr3t/+key"),
        sessionToken: sample.token.map { SecretBytes($0) })
      let added = SignatureVersion4(region: sample.region, service: sample.service)
        .headers(signing: request, with: credentials, at: sample.at)
      #expect(added.last?.value.unsafeString() == expected, "\(sample)")
    }
  }

  private static func sample(_ random: inout SplitMix) throws -> Sample {
    let origin = ["https://host.example", "http://127.0.0.1:8443", "https://secretsmanager.eu-central-1.amazonaws.com"]
    var url = try HTTPURL(parsing: random.pick(origin))
    if random.below(3) > 0 {
      url = url.appending(rawPath: random.text(12, from: "abcXYZ019-._~/ /%$&+=:,;@!*'()äሴ"))
    }
    if random.below(2) > 0 {
      url = url.with(
        query: (0...random.below(5)).map { _ in
          (random.text(4, from: "abAB-_~%+ ü"), random.text(6, from: "abAB019-._~/%+ &=ሴ"))
        })
    }
    var headers: [String: String] = [:]
    for number in 0..<random.below(6) {
      headers["X-\(number)" + random.text(5, from: "abcdefghABCDEFGH-")] = random.text(12, from: "abc ,;=\"019   ")
    }
    return Sample(
      method: random.pick(["GET", "POST", "PUT", "DELETE"]), url: url.description, headers: headers,
      body: random.below(2) > 0 ? random.text(200, from: "{}\":,abcäሴ \n") : "",
      token: random.below(2) > 0 ? "T" + random.text(300, from: "abcABC019/+=") : nil,
      region: random.pick(["eu-central-1", "us-gov-west-1", "cn-north-1"]),
      service: random.pick(["secretsmanager", "ssm", "sts"]), at: Int64(random.below(4_000_000_000)))
  }
}

/// Repeatable random numbers (https://prng.di.unimi.it/splitmix64.c).
private struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  mutating func pick(_ choices: [String]) -> String { choices[below(choices.count)] }

  /// Up to `count` characters of `alphabet`.
  mutating func text(_ count: Int, from alphabet: String) -> String {
    let letters = Array(alphabet)
    return String((0..<below(count + 1)).map { _ in letters[below(letters.count)] })
  }
}
