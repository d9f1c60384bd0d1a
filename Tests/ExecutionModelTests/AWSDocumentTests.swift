import ExecutionModel
import Testing

private func provider(_ auth: String, type: String = "aws_secrets_manager") -> String {
  #"{"secret_providers": {"a": {"provider": "\#(type)", "region": "eu-central-1"\#(auth)}}, "secrets": {"A": {"from": "a", "secret_id": "s"}}}"#
}

@Test(arguments: [
  ("", "default"), (#", "auth": {}"#, "default"),
  (#", "auth": {"access_key_id": "A", "secret_access_key": "S"}"#, "static"),
  (#", "auth": {"access_key_id": "A", "secret_access_key": "S", "session_token": "t"}"#, "static"),
  (#", "auth": {"role_arn": "arn:aws:iam::123456789012:role/r", "token_file": "/t"}"#, "web_identity"),
  (#", "auth": {"role": "arn:aws:iam::123456789012:role/r"}"#, "web_identity"),
  (#", "profile": "web", "auth": {"path": "/c"}"#, "profile"), (#", "auth": {"method": "container"}"#, "container"),
  (#", "auth": {"method": "instance_metadata"}"#, "instance_metadata"), (#", "auth": {"method": "iam"}"#, "default"),
  (#", "auth": {"method": "imds"}"#, "instance_metadata"), (#", "auth": {"method": "irsa"}"#, "web_identity"),
])
func theFieldsTellTheMethodOfAWS(_ auth: String, _ method: String) throws {
  #expect(try execution(provider(auth)).providers.first?.method == method)
}

@Test func fieldsOfTwoMethodsOfAWSContradictEachOther() {
  let lines = faults(provider(#", "auth": {"access_key_id": "A", "secret_access_key": "S", "role_arn": "r"}"#))
  #expect(lines.count == 1)
  #expect(lines.first?.contains("no method takes these fields together") == true)
  let named = faults(provider(#", "auth": {"method": "container", "access_key_id": "A"}"#))
  #expect(named.first?.contains("belongs to method static") == true)
}

@Test func halfAKeyIsAFault() {
  let lines = faults(provider(#", "auth": {"access_key_id": "A"}"#))
  #expect(lines.count == 1)
  #expect(lines.first?.hasPrefix("secret_providers.a.auth.secret_access_key: required") == true)
}

/// A document of one entry, `AWS`, of one provider.
private func entry(_ type: String, _ fields: String, provider: String = "", more: String = "") -> String {
  #"""
  {"secret_providers": {"a": {"provider": "\#(type)", "region": "eu-central-1"\#(provider)}, "f": {"provider": "file"}},
   "secrets": {"AWS": {"from": "a"\#(fields)}\#(more)}}
  """#
}

private let role = #", "role_arn": "arn:aws:iam::123456789012:role/r""#

@Test func anEntryOfSTSIsAPrefix() throws {
  #expect(
    try execution(entry("aws_sts", "", provider: role)).secrets.first?.outputs.map(\.name) == [
      "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    ])
  let apart = faults(
    entry(
      "aws_sts", "", provider: role, more: #", "AWS_SESSION": {"from": "a"}, "AWS_REGION": {"from": "f", "path": "/r"}"#
    ))
  #expect(apart.isEmpty)
  let plain = faults(
    entry("aws_sts", "", provider: role, more: #", "AWS_SESSION_TOKEN": {"from": "f", "path": "/r"}"#))
  #expect(plain == ["secrets.AWS_SESSION_TOKEN: yields AWS_SESSION_TOKEN, as AWS does; rename one of them"])
}

@Test func anEntryOfSTSWithAFieldIsThatValueUnderItsOwnName() throws {
  let one = try execution(entry("aws_sts", #", "field": "region""#, provider: role)).secrets.first?.outputs
  #expect(one?.map(\.name) == ["AWS"])
  #expect(one?.first?.field == "region")
  let lines = faults(entry("aws_sts", #", "field": "x""#, provider: role))
  #expect(
    lines == [
      "secrets.AWS.field: expected one of access_key_id, secret_access_key, session_token, expiration, region"
    ])
}

@Test(arguments: [
  (
    "aws_secrets_manager", #", "secret_id": "s", "version_id": "v", "version_stage": "AWSCURRENT""#, "",
    "exclude each other"
  ),
  ("aws_secrets_manager", #", "name": "s""#, "", "secrets.AWS.name: belongs to aws_parameter_store"),
  ("aws_secrets_manager", "", "", "secrets.AWS.secret_id: required"),
  ("aws_ssm", #", "name": "p", "with_decryption": "no""#, "", "expected true or false"),
  ("aws_parameter_store", #", "name": """#, "", "secrets.AWS.name: required"),
  ("aws_sts", "", #"\#(role), "duration_seconds": 899"#, "900 to 43200"),
  ("aws_sts", "", #"\#(role), "duration_seconds": 43201"#, "900 to 43200"),
  ("aws_sts", "", "", "secret_providers.a.role_arn: required"),
])
func faultsOfAWSEntriesAreFound(_ type: String, _ fields: String, _ provider: String, _ words: String) {
  let lines = faults(entry(type, fields, provider: provider))
  #expect(lines.contains { $0.contains(words) }, "\(lines)")
}
